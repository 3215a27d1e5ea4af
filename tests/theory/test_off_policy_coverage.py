"""Do off-policy estimates hold the truth as often as they say? Simulated logs with known propensities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.off_policy import coverage, judged, world

REPEATS = {"known": 150, "estimated": 50}
ESTIMATORS = ("inverse_propensity", "self_normalised", "doubly_robust")


@pytest.fixture(scope="module", params=["known", "estimated"])
def covered(request: pytest.FixtureRequest) -> dict[str, float]:
    repeats = REPEATS[request.param]
    return coverage(repeats=repeats, seed=5, estimated=request.param == "estimated") | {"repeats": repeats}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("what", ["value", "against popular", "against hired"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(covered: dict[str, float], what: str, name: str) -> None:
    """Rather more often than less: see docs/decisions/0010."""
    repeats = covered["repeats"]
    assert covered[f"{what}, {name}"] >= binom.ppf(0.001, repeats, 0.90) / repeats
    assert covered["refused"] <= 0.02


def test_intervals_are_not_wider_than_that(covered: dict[str, float]) -> None:
    assert np.mean([share for name, share in covered.items() if "," in name]) <= 0.985


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_are_right_on_average(name: str) -> None:
    """Known propensities and a model that is wrong: off by no more than chance, but for the ratio."""
    rng = np.random.default_rng(6)
    errors = []
    for _ in range(100):
        _, estimates, truth = next(judged(world(rng)))
        errors.append(estimates[name].value / truth - 1)
    tolerance = 3.5 * np.std(errors) / np.sqrt(len(errors))
    assert abs(np.mean(errors)) < tolerance + (0.03 if name == "self_normalised" else 0.0)


def test_estimated_propensities_say_the_same() -> None:
    """Within the noise of either, and neither higher nor lower on average."""
    rng = np.random.default_rng(7)
    ratios = []
    for _ in range(25):
        drawn = world(rng)
        (_, known, _), (_, learnt, _) = next(judged(drawn)), next(judged(drawn.estimated()))
        one, other = known["doubly_robust"], learnt["doubly_robust"]
        assert abs(one.value - other.value) < (one.high - one.low) / 2
        ratios.append(other.value / one.value)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)
