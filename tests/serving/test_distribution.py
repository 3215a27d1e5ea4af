from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from features.errors import SettingError
from serving.distribution import ActionDistribution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def made(
    mean: ArrayLike, size: ArrayLike = 1.0, posted: ArrayLike = 1.0, intercept: ArrayLike = 0.0, slope: ArrayLike = 1.0
) -> ActionDistribution:
    mean, size, posted, intercept, slope = (
        np.array(column) for column in np.broadcast_arrays(np.atleast_1d(mean), size, posted, intercept, slope)
    )
    return ActionDistribution(
        posted=posted.astype(float),
        mean=mean.astype(float),
        size=size.astype(float),
        intercept=intercept.astype(float),
        slope=slope.astype(float),
        correction=np.ones(len(mean)),
    )


def test_uncalibrated_it_is_scipys_negative_binomial_with_extra_zeros() -> None:
    mean, size, posted = np.meshgrid([0.02, 1.0, 40.0, 3e6], [0.05, 1.0, 30.0], [0.3, 1.0])
    mean, size, posted = mean.ravel(), size.ravel(), posted.ravel()
    for k in (1, 2, 7, 50, 1_000, 5_000_000):
        wanted = posted * stats.nbinom.sf(k - 1, size, size / (size + mean))
        # scipy's own tail loses digits where the mean is far above the size; 1e-9 is what both agree on.
        assert made(mean, size, posted).likelihood(k) == pytest.approx(wanted, abs=1e-9)


def test_the_map_acts_on_the_logit() -> None:
    plain, mapped = made(5.0, 0.7, 0.8), made(5.0, 0.7, 0.8, intercept=-0.4, slope=0.6)
    for k in (1, 3, 30):
        assert mapped.likelihood(k) == pytest.approx(special.expit(-0.4 + 0.6 * special.logit(plain.likelihood(k))))


@pytest.mark.parametrize(("at_least", "answer"), [(0, 1.0), (-3, 1.0), (-np.inf, 1.0), (np.inf, 0.0), (1e300, 0.0)])
def test_likelihood_at_the_ends(at_least: float, answer: float) -> None:
    assert made([0.1, 5.0, 1e7], 0.4, 0.9, intercept=0.5, slope=0.8).likelihood(at_least).tolist() == [answer] * 3


def test_fractions_are_rounded_up() -> None:
    found = made([0.5, 5.0], 2.0)
    assert np.array_equal(found.likelihood(2.01), found.likelihood(3))
    assert np.array_equal(found.likelihood(0.01), found.likelihood(1))
    assert np.array_equal(found.likelihood([1, 4]), [found.likelihood(1)[0], found.likelihood(4)[1]])


@pytest.mark.parametrize(
    ("at_least", "message"),
    [
        (np.nan, "must be a number, got nan"),
        ("many", "must be a number, got 'many'"),
        ([1, 2, 3], r"one number or one per pair \(2\), got shape \(3,\)"),
    ],
)
def test_wrong_thresholds(at_least: ArrayLike, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        made([1.0, 2.0]).likelihood(at_least)


@pytest.mark.parametrize("coverage", [0, 1, -0.5, 90, np.nan])
def test_wrong_coverage(coverage: float) -> None:
    with pytest.raises(SettingError, match="coverage must lie between 0 and 1"):
        made(1.0).interval(coverage)


distributions = st.builds(
    made,
    mean=st.floats(1e-6, 1e9),
    size=st.floats(0.007, 8000.0),
    posted=st.floats(1e-6, 1.0),
    intercept=st.floats(-3.0, 3.0),
    slope=st.floats(0.2, 3.0),
)


@settings(deadline=None)
@given(found=distributions, first=st.floats(0, 1e10), second=st.floats(0, 1e10))
def test_more_is_never_likelier(found: ActionDistribution, first: float, second: float) -> None:
    less, more = sorted((first, second))
    assert found.likelihood(more) <= found.likelihood(less)
    assert found.likelihood(np.floor(less) + 1) <= found.likelihood(np.floor(less))


@settings(deadline=None)
@given(found=distributions, coverage=st.floats(0.01, 0.999))
def test_interval_limits_are_the_smallest_numbers_that_reach_their_probability(
    found: ActionDistribution, coverage: float
) -> None:
    low, high = found.interval(coverage)
    assert 0 <= low <= high
    assert low == np.round(low)
    assert high == np.round(high)
    above = 1 - (1 - coverage) / 2
    assert found.likelihood(low + 1) <= above
    assert low == 0 or found.likelihood(low) > above
    assert found.likelihood(low) - found.likelihood(high + 1) >= coverage - 1e-12
    assert high == low or found.likelihood(low) - found.likelihood(high) < coverage


def test_where_nothing_is_likely_all_that_may_lie_outside_lies_above() -> None:
    found = made(1000.0, 2.0, posted=0.8)
    low, high = found.interval(0.9)
    assert low == 0
    assert found.likelihood(0) - found.likelihood(high + 1) == pytest.approx(0.9, abs=1e-3)


@settings(deadline=None)
@given(found=distributions, at_least=st.floats(1, 1e15))
def test_nothing_is_certain(found: ActionDistribution, at_least: float) -> None:
    assert 0 < found.likelihood(at_least) < 1


def test_far_tails_keep_their_digits() -> None:
    # Poisson and geometric limits, where the tails are known in closed form.
    few, many = made(1e-6, 8000.0), made(1e6, 1.0)
    assert few.likelihood(1) == pytest.approx(1e-6, rel=1e-4)
    assert many.likelihood(2e7) == pytest.approx(np.exp(-20), rel=1e-4)
    assert 1 - many.likelihood(1) == pytest.approx(1e-6, rel=1e-4)


def test_expected_is_posted_times_mean_times_correction() -> None:
    found = ActionDistribution(
        posted=np.array([0.5]),
        mean=np.array([8.0]),
        size=np.array([1.0]),
        intercept=np.zeros(1),
        slope=np.ones(1),
        correction=np.array([1.25]),
    )
    assert found.expected().tolist() == [5.0]
    assert len(found) == 1
