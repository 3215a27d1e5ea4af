from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from serving.distribution import mean_and_size
from training.likelihood import information, log_gradient, log_likelihood

ACTIONS = np.array([0.0, 1.0, 3.0, 40.0, 5e3, 8e6])
SCORES = [(-2.0, -1.0), (0.5, 0.3), (3.0, 2.0), (9.0, -3.0), (16.0, 1.0)]


@pytest.mark.parametrize("score", SCORES)
def test_it_is_scipys_but_for_the_factorial(score: tuple[float, float]) -> None:
    mean, size = mean_and_size(np.array([score] * len(ACTIONS)))
    wanted = stats.nbinom.logpmf(ACTIONS, size, size / (size + mean)) + special.gammaln(ACTIONS + 1)
    assert log_likelihood(ACTIONS, mean, size) == pytest.approx(wanted, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_gradient_is_the_slope_of_the_likelihood(score: tuple[float, float]) -> None:
    scores, step = np.array([score] * len(ACTIONS)), 1e-5
    gradient = log_gradient(ACTIONS, *mean_and_size(scores))
    for column, move in enumerate(step * np.eye(2)):
        up = log_likelihood(ACTIONS, *mean_and_size(scores + move))
        down = log_likelihood(ACTIONS, *mean_and_size(scores - move))
        assert gradient[:, column] == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("size", [0.05, 0.5, 3.0, 50.0])
@pytest.mark.parametrize("mean", [0.05, 1.0, 30.0, 1e4])
def test_information_is_the_variance_of_the_gradient(mean: float, size: float) -> None:
    random = np.random.default_rng(0)
    actions = random.poisson(mean * random.gamma(size, 1 / size, 100_000)).astype(float)
    means, sizes = np.full(len(actions), mean), np.full(len(actions), size)
    variance = log_gradient(actions, means, sizes).var(axis=0)
    of_mean, of_size = information(means[:1], sizes[:1])[0]
    assert of_mean == pytest.approx(variance[0], rel=0.1)
    assert of_size > 0.85 * variance[1]  # from above: boosting steps are never too long
