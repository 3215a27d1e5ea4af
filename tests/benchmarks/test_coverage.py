"""How far likelihoods and intervals are kept, where what is said is the truth and where it is too little."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.coverage import FEWEST, Sample, kept
from benchmarks.markets import reach
from serving.distribution import ActionDistribution
from training.usual import Usual

ROWS = 2_000


def sample(*, times: float = 1.0) -> Sample:
    """Return candidates of two goals whose means are said to be so many times what they are."""
    random = np.random.default_rng(0)
    goal = pd.Series(np.where(np.arange(ROWS) % 4, "sale", "traffic"), dtype="str")
    rows = pd.DataFrame(
        {
            "goal": goal,
            "mean_actions": np.exp(random.normal(2, 1, ROWS)),
            "dispersion": random.uniform(0.5, 3, ROWS),
            "posted_probability": random.uniform(0.6, 1, ROWS),
            "at_least": random.integers(1, 30, ROWS),
        }
    )
    rows["likelihood"] = reach(rows, rows["at_least"].to_numpy())
    posted, mean, size = (rows[name].to_numpy() for name in ("posted_probability", "mean_actions", "dispersion"))
    one = np.ones(ROWS)
    said = ActionDistribution(posted, times * mean, size, 0 * one, one, one)
    rare = pd.Series(np.where(np.arange(ROWS) < FEWEST - 1, "rare", "usual"))
    parts = {"": pd.Series("all", index=rows.index), "goal": goal, "platform": rare}
    return Sample(rows, said, parts, Usual.of(goal, pd.Series(random.poisson(mean))))


def test_who_says_the_truth_is_off_by_nothing_and_holds_what_is_told() -> None:
    found = {figures["part"]: figures for figures in kept(sample())}
    assert list(found) == ["all", "sale", "traffic", "usual"]  # the rare part has too few candidates
    assert found["traffic"]["candidates"] == ROWS / 4
    for figures in found.values():
        assert figures["calibration_error"] == pytest.approx(0, abs=1e-9)
        assert figures["off"] == pytest.approx([0] * 4, abs=1e-9)
        assert figures["held"] == pytest.approx(figures["told"])
        assert figures["held"] >= 0.9


def test_means_that_are_too_low_show_everywhere() -> None:
    for figures in kept(sample(times=0.5)):
        assert figures["calibration_error"] > 0.05
        assert max(figures["off"]) < -0.02
        assert figures["held"] < figures["told"] - 0.02
