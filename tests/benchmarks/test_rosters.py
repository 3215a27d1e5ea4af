"""What rosters earn as a share of what the best do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.rosters import PLACES, lines, shares
from training.policies import SIMPLE

CAMPAIGNS, CANDIDATES = 6, 60


def candidates(*, noise: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return candidates whose values the model knows up to noise, and who was hired."""
    random = np.random.default_rng(0)
    campaign = np.repeat(np.arange(CAMPAIGNS), CANDIDATES)
    value, fee = np.exp(random.normal(5, 1.5, len(campaign))), np.exp(random.normal(5, 1, len(campaign)))
    said = value * np.exp(noise * random.normal(size=len(campaign)))
    everyone = pd.DataFrame(
        {
            "campaign_id": [f"c{number}" for number in campaign],
            "account_id": [f"a{number}" for number in np.tile(np.arange(CANDIDATES), CAMPAIGNS)],
            "goal": np.where(campaign % 2, "sale", "traffic"),
            "value": value,
            "fee": fee,
            "score_model": said - fee,
            "score_model_per_fee": said / fee,
            "score_oracle": value - fee,
            "score_oracle_per_fee": value / fee,
        }
    )
    for rule in SIMPLE:
        everyone[f"score_{rule.name}"] = random.random(len(campaign))
    everyone["score_klout"] = value
    return everyone, everyone.groupby("campaign_id").head(10)


def test_who_knows_the_truth_earns_all() -> None:
    found = shares(*candidates(noise=0.0))
    assert list(found.index) == ["all", "sale", "traffic"]
    assert found[["value", "net_value", "spend_value", "spend_net_value"]].to_numpy() == pytest.approx(1.0)


def test_shares_by_hand() -> None:
    everyone, hired = candidates(noise=0.8)
    found = shares(everyone, hired)
    net = everyone["value"] - everyone["fee"]
    mine, best = (
        net[everyone.sort_values(name, ascending=False).groupby("campaign_id").head(PLACES).index].sum()
        for name in ("score_model", "score_oracle")
    )
    assert found.loc["all", "net_value"] == pytest.approx(mine / best)
    assert mine < best
    assert str(found.loc["all", "best_rule"]).startswith("klout 0.")
    assert 0 < float(str(found.loc["all", "spend_value"])) < 1
    assert "| traffic | 0." in "\n".join(lines(found))
