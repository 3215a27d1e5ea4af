"""What a bundle says about itself: `bundle.json`, checked when it is read."""

from __future__ import annotations

import platform
import sys
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

import numba
import numpy as np
import pandas as pd
import scipy
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from scipy import special

from serving.curves import Curves
from serving.distribution import ActionDistribution, mean_and_size
from serving.encoding import Encoding
from serving.yardsticks import Yardsticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.distribution import FloatArray
    from serving.thresholds import Opinion


_MOST_RUNGS = 62
"""A likelihood is worked out at each for every interval."""


def environment() -> dict[str, str]:
    """Return what the last bits of an answer depend on."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "pandas": pd.__version__,
        "platform": f"{sys.platform} {platform.machine()} {' '.join(simd)}",
    }


class Record(BaseModel):
    """Part of `bundle.json`: complete, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GoalShape(Record):
    """How the distribution of one goal follows from two scores f, the curves' sum plus the booster's first, and h.

    Given posted: mean = exp(log_mean + slope * f), size = exp(log_size + size_slope * h). Intercept, stretch and
    correction are explained at `ActionDistribution`.
    """

    log_mean: FiniteFloat
    slope: FiniteFloat
    log_size: FiniteFloat
    size_slope: FiniteFloat
    intercept: FiniteFloat = 0.0
    stretch: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    correction: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    weight: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class PostedShape(Record):
    """P(posted) = sigmoid(intercept + slope * raw score of the posted booster)."""

    intercept: FiniteFloat
    slope: FiniteFloat


class ThresholdShape(Record):
    """The second opinion's thresholds: rungs on the scale of a goal, and the log scale of each goal and the pool."""

    rungs: tuple[FiniteFloat, ...] = Field(min_length=1, max_length=_MOST_RUNGS)
    log_scale: tuple[FiniteFloat, ...]


class IncrementalShare(Record):
    """Which share of the attributed actions is incremental in a campaign still to come: mean and standard deviation.

    `campaigns` and `activations` are those with a holdout that it was learnt from.
    """

    share: float = Field(gt=0, allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)
    campaigns: int = Field(ge=1)
    activations: int = Field(ge=1)

    def interval(self) -> tuple[float, float]:
        """Return the 90 % interval of the share."""
        half = 1.645 * self.deviation
        return max(self.share - half, 0.0), self.share + half


class Incremental(Record):
    """The incremental shares of the goals that were measured, or why there are none; see `training.incremental`."""

    shares: dict[str, IncrementalShare] = {}
    why_not: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.shares) == bool(self.why_not):
            raise ValueError("either shares are known, or why they are not")
        return self

    def said(self, goal: str) -> str:
        """Say what the incremental actions of a goal rest on, or why they are not known."""
        if self.why_not:
            return f"incremental actions are not known: {self.why_not}"
        if goal not in self.shares:
            return (
                f"incremental actions are not known: no campaign for {goal} has incremental_actions, which a holdout "
                "measures"
            )
        found = self.shares[goal]
        low, high = found.interval()
        campaigns = "1 campaign" if found.campaigns == 1 else f"{found.campaigns} campaigns"
        return (
            f"{100 * found.share:.0f} % of the actions attributed for {goal} are taken to be incremental "
            f"({100 * low:.0f} to {100 * high:.0f} % in another campaign), learnt from {campaigns} with a holdout"
        )


class Range(Record):
    """Where the training rows lay in one feature: minimum, 1st and 99th percentile, maximum."""

    minimum: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    maximum: FiniteFloat


class Metadata(Record):
    """What is known about a model's origin; whoever trains it fills in what the model cannot know."""

    name: str = ""
    trained_from: datetime | None = None
    trained_until: datetime | None = None
    activations: int = 0
    data_fingerprint: str = ""
    catalogue_digest: str = ""
    missing_families: tuple[str, ...] = ()
    # Parameters of the ActionModel that it is.
    settings: dict[str, int | float] = Field(default_factory=dict)
    # Real and fake followers that the bundle's own follower classifier learnt from; without it, Impel's is used.
    follower_labels: tuple[int, int] | None = None


class Spec(Record):
    """All of a bundle but its boosters; `bundle.json` on disk."""

    format: Literal[4] = 4
    encoding: Encoding
    curves: Curves
    goals: dict[str, GoalShape]
    pool: GoalShape
    posted: PostedShape | None
    thresholds: ThresholdShape | None
    incremental: Incremental
    support: dict[str, Range]
    yardsticks: Yardsticks
    metadata: Metadata = Metadata()
    environment: dict[str, str] = Field(default_factory=environment)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if tuple(self.goals) != self.encoding.categories.get("goal"):
            raise ValueError("goals must be those of the encoding, in its order")
        if len(self.curves.knots) != len(self.encoding.features):
            raise ValueError("curves must be those of the features")
        if len(self.curves.values) != len(self.goals) + 1:
            raise ValueError("curves are needed for each goal and for one never seen")
        if not self.yardsticks.features <= set(self.encoding.features):
            raise ValueError("yardsticks must be those of the features")
        if not set(self.incremental.shares) <= set(self.goals):
            raise ValueError("incremental shares must be those of goals")
        if self.thresholds is not None and len(self.thresholds.log_scale) != len(self.goals) + 1:
            raise ValueError("a scale of thresholds is needed for each goal and for one never seen")
        return self

    def goal(self, matrix: FloatArray) -> NDArray[np.intp]:
        """Return the position of each row's goal, -1 where it was never seen in training."""
        codes = matrix[:, self._goal_column]
        return np.where(np.isnan(codes), -1.0, codes).astype(np.intp)

    @cached_property
    def _goal_column(self) -> int:
        return self.encoding.features.index("goal")

    @cached_property
    def _shapes(self) -> FloatArray:
        """The shapes of the goals and, last, of the pool, (8, goals + 1)."""
        return np.array([list(dict(shape).values()) for shape in (*self.goals.values(), self.pool)]).T.copy()

    def distribution(
        self, goal: NDArray[np.intp], score: FloatArray, posted_score: FloatArray, opinion: Opinion | None
    ) -> ActionDistribution:
        """Return the calibrated distribution.

        Parameters
        ----------
        goal : array of shape (n,)
            As `goal` returns it.
        score : array of shape (n, 2)
            f and h as in `GoalShape`.
        posted_score : array of shape (n,)
            Raw score of the posted booster.
        opinion : Opinion or None
            Of the thresholds booster.
        """
        log_mean, slope, log_size, size_slope, intercept, stretch, correction, weight = self._shapes.take(goal, axis=1)
        mean, size = mean_and_size(np.array([log_mean + slope * score[:, 0], log_size + size_slope * score[:, 1]]).T)
        posted = np.ones(len(goal))
        if self.posted is not None:
            posted = special.expit(self.posted.intercept + self.posted.slope * posted_score)
        return ActionDistribution(
            posted=posted,
            mean=mean,
            size=size,
            intercept=intercept,
            slope=stretch,
            correction=correction,
            weight=weight,
            opinion=opinion,
        )
