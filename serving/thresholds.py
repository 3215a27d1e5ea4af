"""A second opinion on the likelihood: a booster that takes the number of actions asked for as an input.

It assumes no shape of the distribution, only that more actions are never likelier than fewer: distribution regression
(Foresi and Peracchi 1995) with one monotone booster for all thresholds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serving import distribution_kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.distribution import FloatArray
    from serving.forest import Forest

EVERY = 3
"""A row is asked about one in so many rungs."""


class Opinion:
    """The logit of P(actions >= k) that a booster states for n rows, non-increasing in k.

    Thresholds are told to the booster on the scale of the goal, log k - log scale, as one of its rungs. A rung stands
    for the whole number of actions that it learnt from (see `examples`); between two of these the logit is a straight
    line in log k.

    Parameters
    ----------
    forest : Forest
        The booster; its last feature is the rung.
    matrix : array of shape (n, features)
        The others.
    log_scale : array of shape (n,)
    rungs : array of shape (m,), ascending
    """

    def __init__(self, forest: Forest, matrix: FloatArray, log_scale: FloatArray, rungs: FloatArray) -> None:
        self._forest = forest
        self._matrix = matrix
        self._log_scale = log_scale
        self._rungs = rungs
        self._table: FloatArray | None = None

    def __call__(self, at_least: FloatArray) -> FloatArray:
        """Return the logit of reaching at_least (n,), numbers that are rounded up to whole ones from 1."""
        lower, upper, part = self._between(at_least)
        table = self._table
        if table is None:
            if not part.any():  # as where everybody is asked for one action
                upper = lower
            asked = np.bincount(np.concatenate([lower, upper]), minlength=len(self._rungs))
            chosen = np.flatnonzero(asked)
            table = self._forest.table(self._matrix, self._rungs, chosen)
            lower, upper = np.searchsorted(chosen, lower), np.searchsorted(chosen, upper)
        return distribution_kernels.opinions(table, lower, upper, part)

    def between(self, at_least: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the rungs around at_least (n,), and which part of the way it is between them."""
        lower, upper, part = self._between(at_least)
        return self._rungs[lower], self._rungs[upper], part

    def scaled(self, share: FloatArray) -> Opinion:
        """Return the opinion on a share of the actions (n,): that it reaches k where all of them reach k / share."""
        other = Opinion(self._forest, self._matrix, self._log_scale + np.log(share), self._rungs)
        other._table = self._table  # the booster is told rungs, which move along with the scale
        return other

    def rows(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the logits at every rung, (n, m), the (n,) log scales and the rungs: for a search for quantiles."""
        if self._table is None:
            self._table = self._forest.table(self._matrix, self._rungs)
        return self._table, self._log_scale, self._rungs

    def _between(self, at_least: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        lower, upper, part = distribution_kernels.between(
            np.ascontiguousarray(at_least, np.float64), self._log_scale, self._rungs
        )
        return lower, upper, part


def actions_of(log: FloatArray) -> FloatArray:
    """Return the whole number of actions, from 1, that a threshold stands for whose logarithm is given."""
    return np.maximum(np.ceil(np.exp(log)), 1.0)


def examples(
    matrix: FloatArray, actions: FloatArray, log_scale: FloatArray, rungs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what the booster learns from: rows with a threshold, and whether it was reached.

    Each row is asked about every third rung, the next row about those one further: neighbours say much the same. Rungs
    that mean the same whole number of actions count once, as the highest of them.
    """
    wanted = actions_of(log_scale[:, None] + rungs)
    last = np.column_stack([wanted[:, :-1] != wanted[:, 1:], np.ones(len(wanted), dtype=bool)])
    turn = np.add.outer(np.arange(len(wanted)), np.arange(len(rungs))) % EVERY == 0
    row, rung = np.nonzero(last & turn)
    reached: Any = actions[row] >= wanted[row, rung]
    return np.column_stack([matrix[row], rungs[rung]]), reached.astype(np.float64)
