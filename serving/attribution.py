"""What each feature adds to a likelihood, in probability points, from what is said of past activations on average.

The base of a row is the likelihood of as many actions for a pair whose scores are the average over past activations
with the same goal (the background of the bundle). From there to the row's own likelihood two methods follow each other:

- Each score (log mean, log size, logit of being posted, logit of the second opinion) is shared out exactly. Shapley
  values of the trees against the background (`serving.tree_shapley`), and of the curves, which add up: what a curve
  differs from its average over the background. The number of actions asked for is no feature: it is the same in both.
- The logit of the likelihood is a smooth function of the four scores: distribution, calibration of the goal and second
  opinion together. Integrated gradients (Sundararajan et al. 2017), the Shapley values of Aumann and Shapley (1974) for
  quantities that come in any amount, share out its way from base to row along the straight line between their scores;
  what a score gets is handed on to its features in proportion to their shares, as in Chen et al. (2022). One factor per
  row then turns logits into probability points, so that their order is the same on either scale.

The parts are no SHAP values of the likelihood: those would ask for the likelihood of every mixture of two pairs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from serving.tree_shapley import TreeShapley

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from serving.bundle import Bundle
    from serving.distribution import ActionDistribution, FloatArray
    from serving.tree_shapley import Background

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_ALONG, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # from -1 to 1, to the line from 0 to 1
_STEP = 1e-3  # of a score: logits are rounded to nine decimals, so much smaller steps would measure that
_HEADS = 4


class Attributed(NamedTuple):
    """Likelihoods of n rows and where they come from.

    Attributes
    ----------
    likelihood, base : arrays of shape (n,)
    parts : array of shape (n, features)
        In the order of the bundle's features. A row's parts add up to likelihood less base.
    """

    likelihood: FloatArray
    base: FloatArray
    parts: FloatArray


class _Typical(NamedTuple):
    """The background of a goal: what its curves add on average, and what the boosters' leaves make of its rows."""

    curves: FloatArray
    actions: Background
    posted: Background | None
    thresholds: Background | None


class Attribution:
    """Shares out the likelihoods of a bundle.

    Parameters
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._typical: dict[int, _Typical] = {}

    def __call__(self, X: pd.DataFrame, at_least: FloatArray) -> Attributed:
        """Share out the likelihood of at least so many actions.

        Parameters
        ----------
        X : DataFrame of n rows
            Features.
        at_least : array of shape (n,)
            Whole numbers from 1.
        """
        bundle = self.bundle
        matrix = bundle.spec.encoding.matrix(X)
        goal = bundle.spec.goal(matrix)
        base, shares = np.zeros((len(matrix), _HEADS)), np.zeros((len(matrix), _HEADS, matrix.shape[1]))
        score, posted = bundle.scores(matrix, goal)
        opinion = bundle.opinion(matrix, goal)
        own = np.column_stack([score, posted, np.zeros(len(matrix))])
        between = None
        if opinion is not None:
            own[:, 3] = opinion(at_least)
            between = np.column_stack(opinion.between(at_least))
        for number in np.unique(goal):
            rows = np.flatnonzero(goal == number)
            asked = None if between is None else between[rows]
            base[rows], shares[rows] = self._shares(int(number), matrix[rows], asked)
        said = bundle.spec.distribution(goal, score, posted, opinion).likelihood(at_least)
        start = self._likelihood(goal, base, at_least)
        slopes = self._slopes(goal, base, own, at_least)
        logits = np.zeros(matrix.shape)
        for head in range(_HEADS):
            logits += slopes[head][:, None] * shares[:, head]
        way = self._logit(goal, own, at_least) - self._logit(goal, base, at_least)
        far = np.abs(way) > _STEP
        factor = np.where(far, (said - start) / np.where(far, way, 1.0), said * (1 - said))
        return Attributed(said, start, _added_up(factor[:, None] * logits, said - start, shares))

    def _shares(self, goal: int, matrix: FloatArray, between: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return the average scores of a goal's background, (n, 4), and what each feature adds: (n, 4, features).

        `between` are the rungs around the number asked for and its part of the way between them, (n, 3).
        """
        typical = self._background(goal)
        rows, features = matrix.shape
        base, shares = np.zeros((rows, _HEADS)), np.zeros((rows, _HEADS, features))
        base[:, :2], shares[:, :2] = self._actions.values(matrix, typical.actions)
        base[:, 0] += typical.curves.sum()
        shares[:, 0] += self.bundle.spec.curves.contributions(matrix, np.full(rows, goal)) - typical.curves
        if self._posted is not None and typical.posted is not None:
            base[:, 2:3], shares[:, 2:3] = self._posted.values(matrix, typical.posted)
        if self._thresholds is not None and typical.thresholds is not None and between is not None:
            for rung, part in ((between[:, 0], 1 - between[:, 2]), (between[:, 1], between[:, 2])):
                rung_base, wide = self._thresholds.values(np.column_stack([matrix, rung]), typical.thresholds)
                base[:, 3:] += part[:, None] * rung_base
                shares[:, 3:] += part[:, None, None] * wide[:, :, :features]
        return base, shares

    def _likelihood(self, goal: NDArray[np.intp], scores: FloatArray, at_least: FloatArray) -> FloatArray:
        """Return the likelihood by scores (n, 4): log mean, log size, posted, second opinion."""
        return self._distribution(goal, scores).likelihood(at_least)

    def _logit(self, goal: NDArray[np.intp], scores: FloatArray, at_least: FloatArray) -> FloatArray:
        """Return the logit of the likelihood, without the limits that keep likelihoods from being certain."""
        found = self._distribution(goal, scores)
        return found.intercept + found.slope * found.logit(at_least)

    def _distribution(self, goal: NDArray[np.intp], scores: FloatArray) -> ActionDistribution:
        """Return the distribution by scores, with what the second opinion says in its intercept."""
        found = self.bundle.spec.distribution(goal, scores[:, :2], scores[:, 2], None)
        return replace(found, intercept=found.intercept + found.weight * scores[:, 3])

    def _slopes(self, goal: NDArray[np.intp], base: FloatArray, own: FloatArray, at_least: FloatArray) -> FloatArray:
        """Return the average slope of the logit in each score on the way from base to own, (4, n)."""
        line = base + _ALONG[:, None, None] * (own - base)
        steps = _STEP * np.stack([np.eye(_HEADS), -np.eye(_HEADS)])
        points = line + steps[:, :, None, None, :]  # direction, head, place on the line, row, head
        each = points.size // (_HEADS * max(len(own), 1))
        said = self._logit(np.tile(goal, each), points.reshape(-1, _HEADS), np.tile(at_least, each))
        ahead, behind = said.reshape(points.shape[:-1])
        slopes: FloatArray = np.zeros((_HEADS, len(own)))
        for weight, slope in zip(_WEIGHTS, np.moveaxis((ahead - behind) / (2 * _STEP), 1, 0), strict=True):
            slopes += weight * slope
        return slopes

    def _background(self, goal: int) -> _Typical:
        """Return the background of a goal, -1 for one never seen: all rows, whatever their goal."""
        if goal not in self._typical:
            bundle = self.bundle
            matrix = bundle.spec.encoding.matrix(bundle.background)
            if goal >= 0:
                matrix = matrix[bundle.spec.goal(matrix) == goal]
            self._typical[goal] = _Typical(
                curves=bundle.spec.curves.contributions(matrix, np.full(len(matrix), goal)).mean(axis=0),
                actions=self._actions.background(matrix),
                posted=None if self._posted is None else self._posted.background(matrix),
                thresholds=None
                if self._thresholds is None
                else self._thresholds.background(np.column_stack([matrix, np.zeros(len(matrix))])),
            )
        return self._typical[goal]

    @cached_property
    def _actions(self) -> TreeShapley:
        return TreeShapley(self.bundle.actions)

    @cached_property
    def _posted(self) -> TreeShapley | None:
        return None if self.bundle.posted is None else TreeShapley(self.bundle.posted)

    @cached_property
    def _thresholds(self) -> TreeShapley | None:
        if self.bundle.thresholds is None:
            return None
        return TreeShapley(self.bundle.thresholds, fixed=len(self.bundle.features))


def _added_up(parts: FloatArray, total: FloatArray, shares: FloatArray) -> FloatArray:
    """Return parts (n, features) that add up to a total (n,): what integration missed, shared out by their size.

    Where it saw nothing of the way, because that is flat but for a step, shares (n, 4, features) take the parts' place.
    Twice, for what rounding leaves the first time.
    """
    for _ in range(2):
        size = np.abs(parts)
        unseen = size.sum(axis=1) == 0
        size[unseen] = np.abs(shares[unseen]).sum(axis=1)
        whole = size.sum(axis=1)
        missed = (total - parts.sum(axis=1)) / np.where(whole > 0, whole, 1.0)
        parts = parts + missed[:, None] * size
    return parts
