"""Closed activations as the estimators want them: checked, encoded, with what is known of each goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from features.catalogue import FEATURES
from features.errors import DataError
from serving.encoding import Encoding
from serving.spec import Range
from training.additive import fit_additive
from training.boosting import Sample
from training.calibration import fit_moments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from serving.distribution import FloatArray
    from training.additive import Additive

_SIGN = {"up": 1, "down": -1, "free": 0}
_FEWEST = 30  # activations below which nothing can be said
_SUPPORT = ("log_followers", "engagement_rate_median_90d", "fee_log")
_SCALE_ROWS = 0.2  # goals lie orders of magnitude apart: the pool says less about a goal's mean than one activation


class Past(NamedTuple):
    """Closed activations, checked and encoded."""

    encoding: Encoding
    matrix: FloatArray
    goal: NDArray[np.intp]
    actions: FloatArray
    posted: NDArray[np.bool_]
    decided_at: pd.Series
    closed_at: pd.Series

    @property
    def goals(self) -> tuple[str, ...]:
        """Return the goals, in the order of their codes."""
        return self.encoding.categories["goal"]

    @property
    def directions(self) -> NDArray[np.int64]:
        """Return for each column 1 where the catalogue lets it only raise the likelihood, -1 only lower, else 0."""
        names = self.encoding.features
        return np.array([_SIGN[FEATURES[name].direction] if name in FEATURES else 0 for name in names], np.int64)

    def start(self, rows: NDArray[np.intp]) -> FloatArray:
        """Return log mean and log size of each goal's posted activations and, last, of the pool: (goals + 1, 2)."""
        rows = rows[self.posted[rows]]
        goal, actions, goals = self.goal[rows], self.actions[rows], len(self.goals)
        seen = np.bincount(goal, minlength=goals)
        log_mean = np.log((np.bincount(goal, actions, goals) + 0.5) / np.maximum(seen, 1))
        pool = log_mean[seen > 0].mean()
        weight = seen / (seen + _SCALE_ROWS)
        log_mean = np.append(weight * log_mean + (1 - weight) * pool, pool)
        start = np.column_stack([log_mean, np.zeros(goals + 1)])
        none = np.zeros((len(rows), 2))
        start[:, 1] += fit_moments(goal, start[goal], none, actions, np.ones(len(rows)), goals=goals).shift[:, 1]
        return start

    def additive(self, rows: NDArray[np.intp], *, shrinkage: float = 1.0) -> Additive:
        """Return the curves learnt from the posted ones of these rows; see `fit_additive`."""
        start, rows = self.start(rows), rows[self.posted[rows]]
        return fit_additive(
            self.matrix[rows],
            self.goal[rows],
            self.actions[rows],
            start,
            text_columns=self.encoding.text_columns,
            directions=self.directions,
            shrinkage=shrinkage,
        )

    def sample(self, rows: NDArray[np.intp], additive: Additive) -> Sample:
        """Return the posted ones of these rows, for a booster that starts from the curves."""
        rows = rows[self.posted[rows]]
        matrix, goal = self.matrix[rows], self.goal[rows]
        start = additive.start[goal]
        start[:, 0] += additive.linear(matrix, goal)
        return Sample(matrix, self.actions[rows], start)

    def spread_by_goal(self, most: int) -> NDArray[np.intp]:
        """Return so many rows of each goal at most, spread evenly over the time in which they were decided."""
        order = np.argsort(self.decided_at.to_numpy(), kind="stable")
        of_goal = [order[self.goal[order] == number] for number in range(len(self.goals))]
        return np.concatenate([own[np.unique(np.linspace(0, len(own) - 1, most).astype(np.intp))] for own in of_goal])

    def support(self) -> dict[str, Range]:
        """Return where the training rows lie, for the features that say who and what was ever hired."""
        ranges = {}
        for name in _SUPPORT:
            if name not in self.encoding.features:
                continue
            values = self.matrix[:, self.encoding.features.index(name)]
            values = values[np.isfinite(values)]
            if len(values):
                minimum, low, high, maximum = np.quantile(values, [0.0, 0.01, 0.99, 1.0]).tolist()
                ranges[name] = Range(minimum=minimum, low=low, high=high, maximum=maximum)
        return ranges


def read_past(
    X: pd.DataFrame, actions: ArrayLike, posted: ArrayLike | None, decided_at: ArrayLike, closed_at: ArrayLike
) -> Past:
    """Check and encode closed activations; arguments and errors are those of `ActionModel.fit`."""
    counts = np.asarray(actions, dtype=np.float64)
    was_posted = np.ones(len(counts), dtype=bool) if posted is None else np.asarray(posted, dtype=bool)
    decided, closed = (pd.Series(pd.to_datetime(np.asarray(at))).dt.as_unit("us") for at in (decided_at, closed_at))
    for name, values in {"actions": counts, "posted": was_posted, "decided_at": decided, "closed_at": closed}.items():
        if len(values) != len(X):
            raise DataError(f"{name} has {len(values)} rows, the feature table {len(X)}; give one per row")
    if len(X) < _FEWEST:
        raise DataError(f"{len(X)} closed activations are too few to learn from; at least {_FEWEST} are needed")
    if not was_posted.any():
        raise DataError(f"none of the {len(X)} closed activations was posted; there is no outcome to learn from")
    if closed.isna().any():
        raise DataError(
            f"closed_at is missing in {int(closed.isna().sum())} rows; leave out activations that are not closed yet"
        )
    if "goal" not in X.columns:
        raise DataError("the feature table lacks column 'goal', which the model needs")
    if X["goal"].isna().any():
        raise DataError(f"goal is missing in {int(X['goal'].isna().sum())} rows; every activation has one")
    if not np.isfinite(counts).all() or (counts < 0).any():
        wrong = counts[~np.isfinite(counts) | (counts < 0)][0]
        raise DataError(f"actions must be counts, got {wrong}; leave out activations that are not closed yet")
    encoding = Encoding.learn(X)
    matrix = encoding.matrix(X)
    if not any(len(np.unique(column[~np.isnan(column)])) > 1 for column in matrix[was_posted].T):
        raise DataError(f"no feature varies over the {int(was_posted.sum())} posted activations; nothing can be learnt")
    goal = matrix[:, encoding.features.index("goal")].astype(np.intp)
    return Past(encoding, matrix, goal, counts, was_posted, decided, closed)
