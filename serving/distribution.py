"""The distribution of the number of target actions: one negative binomial with extra zeros per pair, calibrated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from features.errors import SettingError

if TYPE_CHECKING:
    from serving.thresholds import Opinion

FloatArray = NDArray[np.float64]

_DECIMALS = 9  # of logits: below lie the rounding errors of the incomplete beta function
_RARE = 0.999
_CERTAIN = 36.0  # largest logit: nothing that counts decide is certain, and float64 has nothing between this and 1
_LARGEST = 2.0**53  # whole numbers are exact in float64 up to here


def mean_and_size(score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and size from their logs, shape (n, 2), within what float64 can work with."""
    return np.exp(np.clip(score[:, 0], -20.0, 35.0)), np.exp(np.clip(score[:, 1], -5.0, 9.0))


def _reach_logit(at_least: FloatArray, posted: FloatArray, mean: FloatArray, size: FloatArray) -> FloatArray:
    """Return the logit of P(actions >= at_least) under a negative binomial with extra zeros; all of shape (n,).

    `at_least` are whole numbers from 1. P(N < k) is the regularised incomplete beta function; its complement is asked
    for as such where it is small, so that both tails keep their digits.
    """
    below = special.betainc(size, at_least, size / (mean + size))
    reached = 1 - below
    rare = below > _RARE
    reached[rare] = special.betainc(at_least[rare], size[rare], mean[rare] / (mean[rare] + size[rare]))
    tiny = np.finfo(np.float64).tiny
    odds = np.log(np.maximum(posted * reached, tiny)) - np.log(np.maximum(1 - posted + posted * below, tiny))
    return np.asarray(np.round(odds, _DECIMALS))


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
        return self._survival(np.broadcast_to(wanted, (len(self),)))

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
        if self.opinion is not None:
            self.opinion.tabulate()
        low = self._quantile(np.full(len(self), 1 - (1 - coverage) / 2))
        return low, np.maximum(self._quantile(self._survival(low) - coverage), low)

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
        return _reach_logit(at_least, self.posted, self.mean, self.size)

    def _survival(self, at_least: FloatArray) -> FloatArray:
        """Return the calibrated P(actions >= at_least); `at_least` has shape (n,)."""
        # Not np.clip, which takes a single pair several times as long.
        k = np.minimum(np.maximum(np.ceil(at_least), 1.0), _LARGEST)
        logit = self.intercept + self.slope * self.logit(k)
        if self.opinion is not None:
            logit = logit + self.weight * self.opinion(k)
        calibrated = special.expit(np.minimum(np.maximum(logit, -_CERTAIN), _CERTAIN))
        return np.where(at_least <= 0, 1.0, np.where(at_least > _LARGEST, 0.0, calibrated))

    def _quantile(self, more: FloatArray) -> FloatArray:
        """Return the smallest number that is exceeded with probability `more` at most; both of shape (n,)."""
        if (self._survival(np.ones(len(self))) <= more).all():
            return np.zeros(len(self))
        # Start from the gamma distribution that the negative binomial is close to, its quantile after Wilson and
        # Hilferty (1931), then bracket and bisect on the survival function itself, so that interval and likelihood
        # agree exactly.
        raw = special.expit((special.logit(more) - self.intercept) / (self.slope + self.weight))
        share = np.minimum(raw / np.maximum(self.posted, 1e-300), 1.0)
        ninth = (self.mean + self.size) / (9 * self.size * self.mean)
        root = np.maximum(1 - ninth - special.ndtri(share) * np.sqrt(ninth), 0.0)
        start = np.floor(self.mean * root**3)
        start = np.clip(np.nan_to_num(start, nan=0.0, posinf=_LARGEST), 0.0, _LARGEST / 4)
        step = 1.0 + np.floor(0.02 * start)
        low, high = start - step, start + step
        while (wrong := (low >= 0) & (self._survival(low + 1) <= more)).any():
            step = np.where(wrong, step * 4, step)
            high = np.where(wrong, low, high)
            low = np.where(wrong, low - step, low)
        low = np.maximum(low, -1.0)
        while (wrong := (self._survival(high + 1) > more) & (high < _LARGEST / 2)).any():
            step = np.where(wrong, step * 4, step)
            low = np.where(wrong, high, low)
            high = np.where(wrong, high + step, high)
        while ((high - low) > 1).any():  # low is too small (or -1), high is large enough
            middle = np.floor((low + high) / 2)
            enough = self._survival(middle + 1) <= more
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle)
        return high
