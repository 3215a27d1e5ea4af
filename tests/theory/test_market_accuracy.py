"""How good the model is on the demo marketplace, judged by the truth for all candidates of campaigns it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from training import metrics

if TYPE_CHECKING:
    from tests.theory.conftest import Learnt


@pytest.fixture(scope="module")
def judged(learnt: Learnt) -> pd.DataFrame:
    """All candidates of some of the last campaigns: what the model says of them, what the scores say, what is true."""
    pairs, X, model = learnt.pairs.copy(), learnt.pairs_x, learnt.model
    worth = pairs["campaign_id"].map(learnt.store.campaigns.set_index("campaign_id")["value_per_action"])
    pairs["value"] = pairs["expected_actions"] * worth
    pairs["said"] = model.likelihood(X, pairs["at_least"])
    pairs["model"] = model.expected_actions(X) * worth
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
