"""Do off-policy estimates hold the truth as often as they say? Simulated logs with known propensities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from tests.training.logs import World, world
from training.off_policy import OffPolicyEvaluation
from training.propensity import propensities

REPEATS, K = 200, 15
ESTIMATORS = ("inverse_propensity", "self_normalised", "doubly_robust")


def estimated(log_world: World, seed: int) -> World:
    """Return the same world whose propensities are learnt from who was hired."""
    found = propensities(
        log_world.X,
        log_world.log.hired,
        log_world.campaign,
        order=np.arange(log_world.campaign.max() + 1),
        seed=seed,
    )
    return replace(log_world, log=replace(log_world.log, propensity=found))


@pytest.fixture(scope="module", params=["logged", "estimated"])
def repeated(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """Estimates, ends of 90 % intervals and truths of the model's roster and of its lead over the popular."""
    rng = np.random.default_rng(5)
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    for seed in range(REPEATS if request.param == "logged" else REPEATS // 2):
        drawn = world(rng)
        if request.param == "estimated":
            drawn = estimated(drawn, seed)
        model, popular = drawn.roster(drawn.log.expected, k=K), drawn.roster(drawn.X[:, 0], k=K)
        judge = OffPolicyEvaluation(drawn.log)
        value, lead, over_hired = (
            judge.estimate(model),
            judge.estimate(model, against=popular),
            judge.against_hired(model),
        )
        truths = (model @ drawn.true, (model - popular) @ drawn.true, (model - drawn.log.hired) @ drawn.true)
        for what, found, truth in zip(("value", "lead", "over hired"), (value, lead, over_hired), truths, strict=True):
            for name, one in found.items():
                rows.setdefault(f"{what} {name}", []).append((one.value, one.low, one.high, truth))
    return {name: np.array(found) for name, found in rows.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("what", ["value", "lead", "over hired"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    repeated: dict[str, np.ndarray], what: str, name: str
) -> None:
    _, low, high, truth = repeated[f"{what} {name}"].T
    covered = ((low <= truth) & (truth <= high)).mean()
    # Known to be on the safe side: the larger one of two variances is taken.
    assert binom.ppf(0.001, len(truth), 0.9) / len(truth) <= covered
    assert covered < 0.995 or name == "self_normalised"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimates_are_right_on_average(repeated: dict[str, np.ndarray], name: str) -> None:
    value, _, _, truth = repeated[f"value {name}"].T
    error = (value - truth) / truth.mean()
    tolerance = 3.5 * error.std() / np.sqrt(len(error))
    assert abs(error.mean()) < tolerance + (0.03 if name == "self_normalised" else 0.0)
