"""How good the model is on the demo marketplace, judged by the truth for all candidates of campaigns it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from training import metrics
from training.model import ActionModel
from training.truth import MarketTruth

if TYPE_CHECKING:
    from tests.theory.conftest import Market

CAMPAIGNS = 30


@pytest.fixture(scope="module")
def judged(market: Market) -> pd.DataFrame:
    """All candidates of some of the last campaigns: what the model says of them, what the scores say, what is true."""
    with open_tables(market.folder) as tables:
        store = EventStore.prepare(tables)
    activations = store.activations()
    start = activations["decided_at"].iloc[int(0.7 * len(activations))]
    past = activations[activations["closed_at"] <= start].reset_index(drop=True)
    model = ActionModel().fit(
        build(store, past),
        past["actions"],
        decided_at=past["decided_at"],
        closed_at=past["closed_at"],
        posted=past["posted"],
    )
    later = activations.loc[activations["decided_at"] >= start, "campaign_id"].unique()
    pairs, X = MarketTruth(market.folder / "truth.parquet", store).candidates(
        later[:: max(1, len(later) // CAMPAIGNS)].tolist()
    )
    worth = store.campaigns.set_index("campaign_id")["value_per_action"]
    pairs["value"] = pairs["expected_actions"] * pairs["campaign_id"].map(worth)
    pairs["said"] = model.likelihood(X, pairs["at_least"])
    pairs["model"] = model.expected_actions(X) * pairs["campaign_id"].map(worth)
    names = ("klout_score", "kred_influence", "peerindex")
    return pd.concat([pairs, X[list(names)]], axis=1)


def captured(judged: pd.DataFrame, score: str) -> float:
    """Return the true value of the twenty that a score puts first in each campaign."""
    first = judged.sort_values(score, ascending=False).groupby("campaign_id").head(20)
    return float(first["value"].sum())


def test_likelihoods_rank_all_candidates(judged: pd.DataFrame) -> None:
    assert metrics.auc(judged["likelihood"].to_numpy(), judged["said"].to_numpy()) >= 0.87


def test_the_first_twenty_bring_twice_the_value_of_the_best_social_score(judged: pd.DataFrame) -> None:
    best = max(captured(judged, score) for score in ("klout_score", "kred_influence", "peerindex"))
    assert captured(judged, "model") >= 2 * best


def test_likelihoods_are_not_far_off(judged: pd.DataFrame) -> None:
    assert np.mean(judged["said"]) == pytest.approx(np.mean(judged["likelihood"]), abs=0.04)
