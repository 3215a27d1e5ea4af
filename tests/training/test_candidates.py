"""Candidates of a small demo marketplace, beside its truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from training.candidates import KnownAccounts
from training.marketplace import simulate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("market") / "m", influencers=60, campaigns=25, seed=5, truth=True)


@pytest.fixture(scope="module")
def store(folder: Path) -> EventStore:
    with open_tables(folder) as tables:
        return EventStore.prepare(tables)


@pytest.fixture(scope="module")
def found(store: EventStore) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The candidates of the later campaigns, their features, and the past that their fees were learnt from."""
    rows = store.activations()
    start = rows["decided_at"].quantile(0.6)
    past = rows[rows["closed_at"] <= start]
    later = rows[rows["decided_at"] > start]
    decided = later.groupby("campaign_id", as_index=False).agg(
        decided_at=("decided_at", "min"), value_per_action=("value_per_action", "first")
    )
    source = KnownAccounts(store).at(past, build(store, past), decided)
    pairs, X = source.candidates(list(decided["campaign_id"]))
    return pairs, X, past


def test_candidates_are_the_accounts_known_then(store: EventStore, found: tuple[pd.DataFrame, ...]) -> None:
    pairs, X, _ = found
    assert len(pairs) == len(X)
    assert not pairs.duplicated(["campaign_id", "account_id"]).any()
    created = pairs["account_id"].map(store.accounts.set_index("account_id")["created_at"])
    assert not (created > pairs["decided_at"]).any()
    assert X[["log_followers", "days_since_last_post"]].notna().any(axis=1).all()
    assert len(pairs) > 0.9 * pairs["campaign_id"].nunique() * len(store.accounts)


def test_accounts_that_do_not_exist_yet_are_none(store: EventStore, found: tuple[pd.DataFrame, ...]) -> None:
    pairs, _, past = found
    late = KnownAccounts(store)
    accounts = store.accounts.assign(
        created_at=store.accounts["created_at"].where(store.accounts.index != 3, store.newest)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "accounts", accounts)
        decided = pairs[["campaign_id", "decided_at", "value_per_action"]].drop_duplicates().head(2)
        again, _ = late.at(past, build(store, past), decided).candidates(list(decided["campaign_id"]))
    assert accounts["account_id"].iloc[3] not in set(again["account_id"])
    assert accounts["account_id"].iloc[4] in set(again["account_id"])


def test_usual_fees_are_those_that_are_asked(folder: Path, found: tuple[pd.DataFrame, ...]) -> None:
    pairs, X, _ = found
    truth = pd.read_parquet(folder / "truth.parquet")[["campaign_id", "account_id", "fee"]]
    both = pairs.merge(truth, on=["campaign_id", "account_id"], suffixes=("", "_asked"))
    off = np.log(both["fee"] / both["fee_asked"])
    assert np.corrcoef(np.log(both["fee"]), np.log(both["fee_asked"]))[0, 1] > 0.9
    assert abs(off.median()) < 0.25
    assert X["fee_log"].to_numpy() == pytest.approx(np.log1p(pairs["fee"].to_numpy()))
    expected = np.maximum(np.ceil(pairs["fee"] / pairs["value_per_action"] * (1 - 1e-15)), 1)
    assert pairs["at_least"].to_numpy() == pytest.approx(expected.to_numpy())


def test_logged_propensities_are_those_of_the_table(folder: Path, store: EventStore) -> None:
    rows = store.activations()
    table = pd.read_parquet(folder / "outcomes.parquet").set_index(["campaign_id", "account_id"])["propensity"]
    assert rows["propensity"].to_numpy() == pytest.approx(
        table.loc[pd.MultiIndex.from_frame(rows[["campaign_id", "account_id"]])].to_numpy()
    )
