"""Calibration of the whole distribution on the demo marketplace, of all candidates, hired or not.

Outcomes are not drawn where their true distribution will do: a figure is then off by what the model is off, not by
luck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest

from benchmarks.markets import reach
from training import metrics
from training.evaluate import size_tier
from training.usual import SHARES, Usual

if TYPE_CHECKING:
    from serving.distribution import ActionDistribution
    from tests.theory.conftest import Learnt

EVERY = 12  # one candidate in so many is judged
FEWEST = 200  # candidates of a part below which it is not judged


class Sample(NamedTuple):
    """Candidates with their true distribution, and what the model says of them."""

    rows: pd.DataFrame
    said: ActionDistribution
    parts: dict[str, pd.Series]


@pytest.fixture(scope="module")
def sample(learnt: Learnt) -> Sample:
    rows, X = (table.iloc[::EVERY].reset_index(drop=True) for table in (learnt.pairs, learnt.pairs_x))
    owner = learnt.store.accounts.set_index("account_id")["influencer_id"]
    seen = set(learnt.past["account_id"].map(owner))
    known = rows["account_id"].map(owner).isin(seen)
    parts = {
        "goal": X["goal"],
        "platform": X["platform"],
        "tier": pd.Series(size_tier(np.expm1(X["log_followers"].to_numpy()))),
        "influencer": pd.Series(np.where(known, "in the training data", "never seen")),
    }
    return Sample(rows.assign(goal=X["goal"]), learnt.model.bundle_.distribution(X), parts)


def test_outcomes_come_everywhere_in_their_forecasts(sample: Sample) -> None:
    """The probability integral transform of outcomes drawn from the truth, overall and by goal."""
    rng = np.random.default_rng(0)
    size, mean, posted = (sample.rows[name].to_numpy() for name in ("dispersion", "mean_actions", "posted_probability"))
    drawn = np.where(rng.random(len(size)) < posted, rng.negative_binomial(size, size / (size + mean)), 0)
    parts = metrics.pit_histogram(1 - sample.said.likelihood(drawn), 1 - sample.said.likelihood(drawn + 1))
    tenths = parts.mean(axis=0)
    assert np.abs(tenths - 0.1).max() <= 0.02, tenths
    for goal, rows in sample.parts["goal"].groupby(sample.parts["goal"]).indices.items():
        own = parts[rows].mean(axis=0)
        assert np.abs(own - 0.1).max() <= 0.06, (goal, own)


@pytest.mark.parametrize("share", SHARES)
def test_likelihoods_are_kept_at_several_thresholds(sample: Sample, learnt: Learnt, share: float) -> None:
    at_least = Usual.of(learnt.past_x["goal"], learnt.past["actions"]).at_least(sample.rows["goal"], share)
    said, true = sample.said.likelihood(at_least), reach(sample.rows, at_least)
    assert metrics.calibration_error(metrics.reliability(true, said, bins=15)) <= 0.03
    for part, names in sample.parts.items():
        for name, rows in names.groupby(names).indices.items():
            if len(rows) >= FEWEST:
                assert said[rows].mean() == pytest.approx(true[rows].mean(), abs=0.06), (part, name)


def test_intervals_hold_what_they_promise_everywhere(sample: Sample) -> None:
    low, high = sample.said.interval(0.9)
    held = reach(sample.rows, low) - reach(sample.rows, high + 1)
    # Limits are whole numbers that hold 90 % at least, and where few actions are expected more.
    assert 0.88 <= held.mean() <= 0.95
    judged = {
        f"{part} {name}": held[rows].mean()
        for part, names in sample.parts.items()
        for name, rows in names.groupby(names).indices.items()
        if len(rows) >= FEWEST
    }
    assert "influencer never seen" in judged
    assert {name: share for name, share in judged.items() if share < 0.85} == {}
