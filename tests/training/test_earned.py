"""Rosters and who was hired, on candidates made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.earned import earned
from training.selection import selection, with_propensities

CAMPAIGNS, ACCOUNTS, HIRED = 30, 10, 4
FEE, VALUE = 50.0, 80.0


@pytest.fixture
def candidates() -> pd.DataFrame:
    """Ten accounts at 50 each; the last one asks 500, has the most followers and is never hired."""
    account = np.tile(np.arange(ACCOUNTS), CAMPAIGNS)
    campaign = np.repeat(np.arange(CAMPAIGNS), ACCOUNTS)
    star = account == ACCOUNTS - 1
    return pd.DataFrame(
        {
            "campaign_id": [f"c{n:02d}" for n in campaign],
            "account_id": [f"a{n}" for n in account],
            "goal": "sale",
            "decided_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(campaign, unit="D"),
            "fee": np.where(star, 500.0, FEE),
            "expected_value": VALUE,
            "log_followers": np.where(star, 14.0, 8.0 + account / 10),
            "score_followers": np.where(star, 14.0, 8.0 + account / 10),
            "score_model": -account.astype(float),
        }
    )


@pytest.fixture
def hired(candidates: pd.DataFrame) -> pd.DataFrame:
    """Four of the first eight, in turn; accounts that follow each other."""
    account = candidates["account_id"].str[1:].astype(int)
    campaign = candidates["campaign_id"].str[1:].astype(int)
    mine = candidates[((account - campaign) % 8 < HIRED) & (account < 8)]
    rows = mine[["campaign_id", "account_id"]].assign(
        fee=FEE, value=100.0, actions_low=0.0, actions_high=4.0, value_per_action=20.0, propensity=HIRED / 8
    )
    return rows.reset_index(drop=True)


def test_rows_are_joined_and_counted(candidates: pd.DataFrame, hired: pd.DataFrame) -> None:
    rows = with_propensities(candidates, hired, seed=0)
    assert len(rows) == CAMPAIGNS * (ACCOUNTS - 1)  # who asks for more than was spent is no choice
    assert rows["was_hired"].sum() == CAMPAIGNS * HIRED
    assert (rows.loc[rows["was_hired"], "propensity"] == 0.5).all()
    found = selection(rows)
    assert found["logged_share"] == 1.0
    assert found["effective"] == pytest.approx(CAMPAIGNS * HIRED)
    assert found["candidates"] == len(rows)
    assert found["followers_hired"] == pytest.approx(np.expm1(8.4))
    without = with_propensities(candidates, hired.drop(columns="propensity"), seed=0)
    assert without["propensity"].equals(without["estimated"])
    assert without["propensity"].groupby(without["campaign_id"]).sum().to_numpy() == pytest.approx(
        np.full(CAMPAIGNS, HIRED)
    )


def test_campaigns_that_hired_nobody_of_them_are_left_out(candidates: pd.DataFrame, hired: pd.DataFrame) -> None:
    rows = with_propensities(candidates, hired[hired["campaign_id"] != "c07"], seed=0)
    assert set(rows["campaign_id"]) == set(candidates["campaign_id"]) - {"c07"}
    assert with_propensities(candidates, hired.assign(account_id="nobody"), seed=0).empty


def test_every_roster_spends_what_was_paid(candidates: pd.DataFrame, hired: pd.DataFrame) -> None:
    found = earned(with_propensities(candidates, hired, seed=0), seed=0)
    assert found["candidates"] == CAMPAIGNS * (ACCOUNTS - 1)
    assert found["budget"] == CAMPAIGNS * HIRED * FEE
    assert found["hired"] == {
        "hires": CAMPAIGNS * HIRED,
        "value": CAMPAIGNS * HIRED * 100.0,
        "fees": found["budget"],
        "net_value": CAMPAIGNS * HIRED * 50.0,
    }
    for one in found["policies"].values():
        assert one["hires"] == CAMPAIGNS * HIRED


def test_values_are_corrected_by_what_came(candidates: pd.DataFrame, hired: pd.DataFrame) -> None:
    """80 was expected of each, 100 came: the model's roster, of the first four, is worth 100 each."""
    found = earned(with_propensities(candidates, hired, seed=0), seed=0)["policies"]["model"]
    matched = found["overlap"]["matched"]
    assert found["doubly_robust"]["value"]["value"] == pytest.approx(CAMPAIGNS * HIRED * VALUE + 20.0 * matched * 2)
    assert found["inverse_propensity"]["value"]["value"] == pytest.approx(100.0 * matched * 2)
    assert found["self_normalised"]["net_value"]["value"] == pytest.approx(CAMPAIGNS * HIRED * 50.0)
    followers = earned(with_propensities(candidates, hired, seed=0), seed=0)["policies"]["followers"]
    assert "model_ahead" in followers["doubly_robust"]
    assert "model_ahead" not in found["doubly_robust"]


def test_a_campaign_with_an_unknown_fee_is_left_out(candidates: pd.DataFrame, hired: pd.DataFrame) -> None:
    hired.loc[hired.index[0], "fee"] = np.nan
    found = earned(with_propensities(candidates, hired, seed=0), seed=0)
    assert found["campaigns"] == CAMPAIGNS - 1
    assert len(with_propensities(candidates, hired.assign(fee=np.nan), seed=0)) == CAMPAIGNS * ACCOUNTS
    nothing = earned(with_propensities(candidates, hired.assign(value=np.nan), seed=0), seed=0)
    assert nothing["policies"] == {}
    assert "not known" in nothing["why_not"]
