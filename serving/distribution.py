"""The distribution of the number of target actions: one negative binomial with extra zeros per pair, calibrated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import SettingError
from serving import distribution_kernels

if TYPE_CHECKING:
    from serving.thresholds import Opinion

FloatArray = NDArray[np.float64]

_LEAST, _MOST = np.array([[-20.0], [-5.0]]), np.array([[35.0], [9.0]])


def mean_and_size(score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and size from their logs, shape (n, 2), within what float64 can work with."""
    # Not np.clip, which takes a single pair several times as long.
    mean, size = np.minimum(np.maximum(score.T, _LEAST), _MOST)
    return np.exp(mean), np.exp(size)


@dataclass(frozen=True)
class ActionDistribution:
    """How many target actions each of n pairs of campaign and account may bring.

    With probability `posted` the number is negative binomial with mean `mean` and size `size` (variance
    mean + mean² / size), otherwise it is 0. The survival function S(k) = P(actions >= k) of that mixture is then
    calibrated together with a second opinion R(k) (`serving.thresholds`), by one increasing map for all k:
    logit S*(k) = intercept + slope * logit S(k) + weight * logit R(k), slope > 0, weight >= 0.

    Parameters
    ----------
    posted : array of shape (n,)
        Probability that the activation is posted at all.
    mean, size : arrays of shape (n,)
        Mean and negative binomial size of the actions, given posted.
    intercept, slope : arrays of shape (n,)
        The calibration map; 0 and 1 leave the distribution as it is.
    correction : array of shape (n,)
        What `posted * mean` is multiplied with to be unbiased.
    weight : array of shape (n,)
        How much the second opinion counts.
    opinion : Opinion, optional
    """

    posted: FloatArray
    mean: FloatArray
    size: FloatArray
    intercept: FloatArray
    slope: FloatArray
    correction: FloatArray
    weight: FloatArray | float = 0.0
    opinion: Opinion | None = None

    def __len__(self) -> int:
        return len(self.mean)

    def expected(self) -> FloatArray:
        """Return the expected number of actions, shape (n,)."""
        return self.posted * self.mean * self.correction

    def likelihood(self, at_least: ArrayLike) -> FloatArray:
        """Return the calibrated probability of at least so many actions.

        Parameters
        ----------
        at_least : number or array of shape (n,)
            Fractions are rounded up, as actions are whole; 0 and less are always reached.

        Returns
        -------
        array of shape (n,)
            Non-increasing in `at_least`.

        Raises
        ------
        SettingError
            Where `at_least` is not a number or has another length.
        """
        try:
            wanted = np.asarray(at_least, dtype=np.float64)
        except (TypeError, ValueError):
            raise SettingError(f"at_least must be a number, got {at_least!r}") from None
        if np.isnan(wanted).any():
            raise SettingError("at_least must be a number, got nan; leave it out to ask for the break-even")
        if wanted.shape not in {(), (len(self),)}:
            raise SettingError(f"at_least must be one number or one per pair ({len(self)}), got shape {wanted.shape}")
        wanted = np.full(len(self), wanted) if wanted.ndim == 0 else np.ascontiguousarray(wanted)
        *own, weight = self._rows
        second = np.zeros(len(self)) if self.opinion is None else weight * self.opinion(wanted)
        return distribution_kernels.survival(wanted, *own, second)

    def interval(self, coverage: float = 0.9) -> tuple[FloatArray, FloatArray]:
        """Return whole numbers `low <= high` that hold the actions with probability `coverage`.

        Half of what may lie outside is meant for either side: `low` is the smallest number that is exceeded with
        probability 1 - (1 - coverage) / 2 at most. Below it lies less than that half, and nothing at all where 0 is
        likely, as it is where one in five is never posted; what is not used there is given to the other side. So
        `high` is the smallest number with likelihood(low) - likelihood(high + 1) >= coverage, and an interval is not
        wider than it must be.
        """
        if not 0 < coverage < 1:
            raise SettingError(f"coverage must lie between 0 and 1, got {coverage!r}")
        if self.opinion is None:
            opinion = np.empty((len(self), 0)), np.zeros(len(self)), np.empty(0)
        else:
            opinion = self.opinion.rows()
        low, high = distribution_kernels.intervals(coverage, *self._rows, *opinion)
        return low, high

    def part(self, share: FloatArray, deviation: FloatArray) -> ActionDistribution:
        """Return the distribution of a part of the actions, whose share has this mean and standard deviation, (n,).

        A share of a negative binomial number is negative binomial too, of the same size (thinning); that the share
        itself is uncertain makes the size smaller, so that mean and variance are those of the product.
        """
        uncertain = (deviation / share) ** 2
        return replace(
            self,
            mean=share * self.mean,
            size=1 / (1 / self.size + uncertain + uncertain / self.size),
            opinion=None if self.opinion is None else self.opinion.scaled(share),
        )

    def logit(self, at_least: FloatArray) -> FloatArray:
        """Return the logit of S(k) for whole numbers k from 1, (n,)."""
        posted, mean, size, *_ = self._rows
        return distribution_kernels.reach_logit(np.ascontiguousarray(at_least, np.float64), posted, mean, size)

    @cached_property
    def _rows(self) -> tuple[FloatArray, ...]:
        """The pairs' posted, mean, size, intercept, slope and weight, as compiled code reads them."""
        fields = self.posted, self.mean, self.size, self.intercept, self.slope
        weight = self.weight if isinstance(self.weight, np.ndarray) else np.full(len(self), float(self.weight))
        return tuple(np.ascontiguousarray(field, np.float64) for field in (*fields, weight))
