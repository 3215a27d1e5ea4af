"""The negative binomial likelihood in log mean and log size, with its derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from serving.distribution import FloatArray


def log_likelihood(actions: FloatArray, mean: FloatArray, size: FloatArray) -> FloatArray:
    """Return the log probability of so many actions, but for the factorial, which no parameter changes.

    The variance is mean + mean² / size; all arrays of shape (n,).
    """
    total = mean + size
    return (
        special.gammaln(actions + size)
        - special.gammaln(size)
        + size * np.log(size / total)
        + special.xlogy(actions, mean / total)
    )


def log_gradient(actions: FloatArray, mean: FloatArray, size: FloatArray) -> FloatArray:
    """Return the derivatives of `log_likelihood` by log mean and log size, shape (n, 2)."""
    total = mean + size
    by_size = special.digamma(actions + size) - special.digamma(size) + np.log(size / total) + (mean - actions) / total
    return np.column_stack([size * (actions - mean) / total, size * by_size])


def information(mean: FloatArray, size: FloatArray) -> FloatArray:
    """Return the Fisher information of log mean and log size, shape (n, 2).

    Exact for the mean. For the size a bound from above, tight in the limits of the gamma and of the Poisson
    distribution: size² (trigamma(size) - 1 / size) is about (1 + size) / (1 + 2 size) where the mean is large.
    """
    total = mean + size
    of_size = (1 + size) / (1 + 2 * size) * mean / total * mean / (1 + total)
    return np.column_stack([mean * size / total, of_size])
