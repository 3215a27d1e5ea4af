from __future__ import annotations

import numpy as np
import pytest

from benchmarks.off_policy import World, world
from features.catalogue import FEATURES
from training.metrics import per_campaign
from training.propensity import VISIBLE, effective_sample_size, propensities

CAMPAIGNS = 60


def learnt(drawn: World, **changes: np.ndarray) -> np.ndarray:
    given = {"X": drawn.X, "hired": drawn.log.hired} | changes
    return propensities(given["X"], given["hired"], drawn.campaign, order=np.arange(CAMPAIGNS))


@pytest.fixture(scope="module")
def drawn() -> World:
    return world(np.random.default_rng(0), campaigns=CAMPAIGNS)


def test_what_can_be_seen_are_features() -> None:
    assert set(VISIBLE) <= set(FEATURES)


@pytest.mark.parametrize(
    ("weight", "expected"), [([1, 1, 1, 1], 4.0), ([3, 0, 0], 1.0), ([1, 3], 1.6), ([], 0.0), ([0, 0], 0.0)]
)
def test_effective_sample_size(weight: list[float], expected: float) -> None:
    assert effective_sample_size(np.array(weight, dtype=float)) == pytest.approx(expected)


def test_who_was_likely_is_found_out(drawn: World) -> None:
    found = learnt(drawn)
    assert np.corrcoef(np.log(found), np.log(drawn.log.propensity))[0, 1] > 0.9
    inner = drawn.log.propensity < 0.3  # above, the draw was capped
    assert np.abs(np.log(found[inner] / drawn.log.propensity[inner])).mean() < 0.25


def test_they_are_calibrated(drawn: World) -> None:
    """In each tenth of the candidates about as many were hired as was to be expected."""
    found, hired = learnt(drawn), drawn.log.hired
    for part in np.array_split(np.argsort(found), 10):
        assert abs(hired[part].sum() - found[part].sum()) < 4 * np.sqrt(found[part].sum()) + 1


def test_those_of_a_campaign_add_up_to_what_it_hired(drawn: World) -> None:
    found = learnt(drawn)
    assert ((found > 0) & (found < 1)).all()
    assert per_campaign(drawn.campaign, found) == pytest.approx(
        per_campaign(drawn.campaign, drawn.log.hired.astype(float))
    )


def test_a_block_is_learnt_from_the_others(drawn: World) -> None:
    """Whom a campaign hired does not change the order in which its own candidates were likely."""
    first = drawn.campaign == 0
    other = drawn.log.hired.copy()
    other[first] = np.random.default_rng(1).permutation(other[first])
    before, after = (learnt(drawn, hired=hired)[first] for hired in (drawn.log.hired, other))
    assert (np.argsort(before) == np.argsort(after)).all()


def test_what_cannot_be_foreseen_is_left_equal(drawn: World) -> None:
    noise = np.random.default_rng(2).normal(size=(len(drawn.campaign), 4))
    found = learnt(drawn, X=noise)
    chance = per_campaign(drawn.campaign, drawn.log.hired.astype(float))[drawn.campaign] / 200
    assert np.abs(found / chance - 1).max() < 0.4


def test_unknown_and_constant_features_do_no_harm(drawn: World) -> None:
    X = np.column_stack([drawn.X, np.full(len(drawn.X), np.nan), np.ones(len(drawn.X))])
    X[::7, 0] = np.nan
    assert np.isfinite(learnt(drawn, X=X)).all()


def test_one_campaign_teaches_nothing() -> None:
    hired = np.arange(10) < 3
    found = propensities(np.arange(10.0)[:, None], hired, np.zeros(10, dtype=np.int64), order=np.zeros(1))
    assert found == pytest.approx(np.full(10, 0.3))


def test_a_campaign_that_hired_everybody_or_nobody() -> None:
    hired = np.repeat([True, False, True, False], [5, 5, 2, 3])
    campaign = np.repeat([0, 1, 2], 5)
    found = propensities(np.zeros((15, 1)), hired, campaign, order=np.arange(3))
    assert found == pytest.approx(np.repeat([1.0, 0.0, 0.4], 5), abs=1e-6)
