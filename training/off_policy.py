"""What another choice of accounts would have brought, estimated from those that were hired and what they brought.

A *roster* says of every candidate which share of it is hired, 0 to 1. What accounts of a roster that were hired in fact
brought is weighed by the inverse of their propensity, so that they stand for those that were not:

- inverse propensity: sum of weight * reward (Horvitz and Thompson 1952); unbiased, noisy;
- self-normalised: their weighted mean, times the size of the roster (Hajek 1971; Swaminathan and Joachims 2015);
- doubly robust: what a model expects of the whole roster, plus the weighted errors of that model (Dudik, Langford and
  Li 2011); right where either the propensities or the model are, and the least noisy where the model is good.

Rewards of a campaign's accounts add up, and each account is a decision of its own, as for each arm of a bandit
(`OffPolicyEvaluation` follows that of Open Bandit Pipeline, Saito et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student
from sklearn.linear_model import PoissonRegressor

from features.errors import ImpelError
from training.propensity import effective_sample_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.metrics import FloatArray

COVERAGE = 0.9
FEWEST_EFFECTIVE = 20
"""Activations, in effect, below which an estimate is refused; see docs/decisions/0010."""
LARGEST_WEIGHT = 0.15
"""Share of all weight that a single activation may have."""
LEAST_SUPPORTED = 0.5
"""Share of a roster that those hired must be able to stand for."""
_RIDGE = 0.01  # of the power: a few huge errors must not turn it
INVERSE_PROPENSITY, SELF_NORMALISED, DOUBLY_ROBUST = "inverse_propensity", "self_normalised", "doubly_robust"


class NoOverlapError(ImpelError):
    """A roster has too little in common with what was hired for anything to be said about it."""


@dataclass(frozen=True)
class Log:
    """Candidates of past campaigns, who of them was hired, and what that brought; arrays of shape (n,).

    Parameters
    ----------
    hired : bool
    propensity : of being hired, above 0; only that of those hired is looked at
    reward : what they brought; only that of those hired is looked at
    expected : what a model expects each candidate to bring
    deviation : how far rewards usually lie from what is expected, up to one factor for all, above 0; only that of those
        hired is looked at
    """

    hired: npt.NDArray[np.bool_]
    propensity: FloatArray
    reward: FloatArray
    expected: FloatArray
    deviation: FloatArray


@dataclass(frozen=True)
class Overlap:
    """What a roster has in common with what was hired.

    Parameters
    ----------
    matched : activations of the roster that took place
    effective : as many equally weighted activations would say as much (Kish 1965)
    largest_weight : share of all weight that the heaviest has
    supported : share of the roster for which the matched can stand, about 1 where everybody could have been hired
    supported_high : the most it may be, given how uncertain it is
    """

    matched: int
    effective: float
    largest_weight: float
    supported: float
    supported_high: float

    def refusal(self) -> str | None:
        """Return why nothing can be said, None where something can."""
        if self.effective < FEWEST_EFFECTIVE:
            return (
                f"only {self.matched} of those it would have hired were hired, worth {self.effective:.0f} equally "
                f"weighted activations; {FEWEST_EFFECTIVE} are needed"
            )
        if self.largest_weight > LARGEST_WEIGHT:
            return (
                f"one activation has {self.largest_weight:.0%} of the weight of all {self.matched} that can be compared"
            )
        if self.supported_high < LEAST_SUPPORTED:
            return (
                f"those hired can stand for {self.supported:.0%} of it; the rest are accounts such as were hardly ever "
                "hired"
            )
        return None


class Terms(NamedTuple):
    """An estimate as the sum over those hired of weight * reward - offset, and a constant: its value and the noise."""

    value: float
    weight: FloatArray
    offset: FloatArray


class Estimator(Protocol):
    """One way to estimate the value of a roster."""

    name: str

    def terms(self, *, share: FloatArray, weight: FloatArray, log: Log) -> Terms:
        """Return the estimate; `share` is of all candidates (n,), `weight` of those hired."""


class InversePropensity:
    """Sum of the weighted rewards."""

    name = INVERSE_PROPENSITY

    def terms(self, *, share: FloatArray, weight: FloatArray, log: Log) -> Terms:  # noqa: ARG002 - as the others
        """Return the estimate."""
        return Terms(float(weight @ log.reward[log.hired]), weight, np.zeros(len(weight)))


class SelfNormalised:
    """Weighted mean of the rewards, times the size of the roster."""

    name = SELF_NORMALISED

    def terms(self, *, share: FloatArray, weight: FloatArray, log: Log) -> Terms:
        """Return the estimate."""
        scaled = weight * share.sum() / weight.sum()
        value = float(scaled @ log.reward[log.hired])
        return Terms(value, scaled, scaled * value / share.sum())


class DoublyRobust:
    """What the model expects of the roster, and the weighted errors of the model."""

    name = DOUBLY_ROBUST

    def terms(self, *, share: FloatArray, weight: FloatArray, log: Log) -> Terms:
        """Return the estimate."""
        expected = log.expected[log.hired]
        value = float(share @ log.expected + weight @ (log.reward[log.hired] - expected))
        return Terms(value, weight, weight * expected)


ESTIMATORS: tuple[Estimator, ...] = (InversePropensity(), SelfNormalised(), DoublyRobust())


@dataclass(frozen=True)
class OffPolicyEstimate:
    """A value and its interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return value, low and high."""
        return {"value": self.value, "low": self.low, "high": self.high}


class OffPolicyEvaluation:
    """Values of rosters, by several estimators, each with an interval.

    Parameters
    ----------
    log : Log
    estimators : sequence of Estimator, optional
    coverage : float
        Of the intervals, of the expected reward of the roster in these very campaigns: what varies is who was hired and
        what luck they had. The variance is the larger of two estimates: the squared weighted errors, and what errors of
        all who were hired, by `deviation`, let expect for these weights: few activations seldom hold one of the rare
        large rewards, and by themselves would look too certain. Quantiles are Student's for the effective sample size.
    """

    def __init__(self, log: Log, *, estimators: Sequence[Estimator] = ESTIMATORS, coverage: float = COVERAGE) -> None:
        self.log = log
        self.estimators = estimators
        self.coverage = coverage
        self._variance = _variance((log.reward - log.expected)[log.hired], log.deviation[log.hired])

    def overlap(self, roster: FloatArray) -> Overlap:
        """Return what a roster (n,) has in common with those hired."""
        weight, size = self._weight(roster), float(roster.sum())
        total, squares = float(weight.sum()), float(weight @ weight)
        return Overlap(
            matched=int(np.count_nonzero(weight)),
            effective=effective_sample_size(weight),
            largest_weight=float(weight.max() / total) if total else 1.0,
            supported=total / size if size else 0.0,
            supported_high=(total + 2.0 * squares**0.5) / size if size else 0.0,
        )

    def estimate(self, roster: FloatArray, *, against: FloatArray | None = None) -> dict[str, OffPolicyEstimate]:
        """Return the value of a roster (n,) by each estimator, or by how much it exceeds that of another.

        Raises
        ------
        NoOverlapError
            Where either has too little in common with what was hired; the message says what is lacking.
        """
        return self._estimates(roster, None if against is None else (against, self._checked(against)))

    def against_hired(self, roster: FloatArray) -> dict[str, OffPolicyEstimate]:
        """Return by how much the value of a roster (n,) exceeds that of those hired; errors as of `estimate`."""
        hired = self.log.hired
        return self._estimates(roster, (hired.astype(np.float64), np.ones(int(hired.sum()))))

    def _estimates(
        self, roster: FloatArray, other: tuple[FloatArray, FloatArray] | None
    ) -> dict[str, OffPolicyEstimate]:
        weight, found = self._checked(roster), {}
        for estimator in self.estimators:
            terms = estimator.terms(share=roster, weight=weight, log=self.log)
            if other is not None:
                rival = estimator.terms(share=other[0], weight=other[1], log=self.log)
                terms = Terms(terms.value - rival.value, terms.weight - rival.weight, terms.offset - rival.offset)
            found[estimator.name] = self._with_interval(terms)
        return found

    def _with_interval(self, terms: Terms) -> OffPolicyEstimate:
        log, weight = self.log, terms.weight
        seen = weight * log.reward[log.hired] - terms.offset
        known = weight * log.expected[log.hired] - terms.offset
        variance = max(float(seen @ seen), float(weight**2 @ self._variance + known @ known))
        freedom = max(effective_sample_size(np.abs(weight)) - 1.0, 1.0)
        half = float(student.ppf(0.5 + self.coverage / 2, freedom)) * variance**0.5
        return OffPolicyEstimate(terms.value, terms.value - half, terms.value + half)

    def _checked(self, roster: FloatArray) -> FloatArray:
        if (why := self.overlap(roster).refusal()) is not None:
            raise NoOverlapError(f"what it would have brought cannot be said: {why}")
        return self._weight(roster)

    def _weight(self, roster: FloatArray) -> FloatArray:
        return roster[self.log.hired] / self.log.propensity[self.log.hired]


def _variance(error: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return the variance of rewards as a power of their deviation, learnt from all errors (n,) (Harvey 1976).

    A weighted sum of few errors does not know how large they can be. The power tells a model that expects too much of
    the best from one that expects too little.
    """
    if not error.any():
        return np.zeros(len(error))
    ratio, log_deviation = (error / deviation) ** 2, np.log(deviation)
    level = ratio.mean()
    spread = log_deviation.std()
    if spread == 0:
        return level * deviation**2
    x = ((log_deviation - log_deviation.mean()) / spread)[:, None]
    return level * deviation**2 * PoissonRegressor(alpha=_RIDGE, max_iter=300).fit(x, ratio / level).predict(x)
