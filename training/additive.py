"""The additive start of the mean: what each feature does to it, by goal, each goal shrunk to what holds for all.

Influence is multiplicative (reach times rate times fit ...), so the log of the mean is close to a sum, and what a
feature is worth depends on the goal. A few thousand outcomes are too few for trees to find that out for every goal,
and trees say nothing beyond the influencers who were hired; boosting corrects what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, special

from serving.curves import Curves
from serving.distribution import mean_and_size
from training.likelihood import log_gradient, log_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from serving.distribution import FloatArray

    Prior = Callable[[FloatArray], tuple[float, FloatArray]]

_KNOTS = 9
# Scales of Student's prior (two degrees of freedom: most coefficients small, a few as large as they need to be), per
# standard deviation of the feature; and standard deviations of the normal priors of the goals' levels.
_COMMON, _BY_GOAL = 0.02, 0.018
_LEVEL, _SIZE = 0.5, 0.5
_DIGITS = 6


class Basis(NamedTuple):
    """What the curves are put together from.

    Attributes
    ----------
    knots : list of arrays
        Per feature; empty where the feature does not count.
    shapes : list of arrays of shape (columns, knots)
        Per feature, the columns of the design at the knots.
        They are 0 where it is NaN: what is unknown counts as average.
    """

    knots: list[FloatArray]
    shapes: list[FloatArray]


class Additive(NamedTuple):
    """Curves with mean 0 over each goal's rows, and log mean and log size of each goal and, last, of one never seen."""

    curves: Curves
    start: FloatArray

    def linear(self, matrix: FloatArray, goal: NDArray[np.intp]) -> FloatArray:
        """Return what the curves add to the log mean, shape (n,)."""
        return self.curves.contributions(matrix, goal).sum(axis=1)

    def scaled(self, factor: float) -> Additive:
        """Return the same with curves that are multiplied with a factor."""
        return Additive(self.curves.scaled(factor), self.start)


def flat(features: int, start: FloatArray) -> Additive:
    """Return curves that say nothing."""
    nothing: tuple[float, ...] = ()
    return Additive(
        Curves(
            knots=(nothing,) * features,
            values=((nothing,) * features,) * len(start),
            unknown=((0.0,) * features,) * len(start),
        ),
        start,
    )


def fit_additive(
    matrix: FloatArray,
    goal: NDArray[np.intp],
    actions: FloatArray,
    start: FloatArray,
    *,
    text_columns: Collection[int],
    directions: NDArray[np.int64],
    shrinkage: float = 1.0,
) -> Additive:
    """Return the curves with the greatest posterior density under a negative binomial likelihood.

    Parameters
    ----------
    matrix : array of shape (n, features)
    goal, actions : arrays of shape (n,)
    start : array of shape (goals + 1, 2)
        Log mean and log size to start from.
    directions : array of shape (features,)
        1 where the curves of a feature may only rise, -1 where they may only fall, 0 elsewhere.
    shrinkage : float
        How much more than usual curves are pulled towards nothing: what the prior's scales are divided by.
    """
    basis = _basis(matrix, text_columns)
    design = _design(basis, matrix)
    center, goals, columns = design.mean(axis=0), len(start) - 1, design.shape[1]
    design -= center
    by_goal = [np.flatnonzero(goal == number) for number in range(goals)]
    parts = [design[rows] for rows in by_goal]

    def unpack(parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        return (
            parameters[:columns],
            parameters[columns : -2 * goals].reshape(goals, columns),
            parameters[-2 * goals :].reshape(goals, 2),
        )

    def loss(parameters: FloatArray, prior: Prior) -> tuple[float, FloatArray]:
        common, own, level = unpack(parameters)
        value, gradient = 0.0, np.zeros_like(parameters)
        of_common, of_own, of_level = unpack(gradient)
        for number, (rows, part) in enumerate(zip(by_goal, parts, strict=True)):
            log_mean = start[number, 0] + level[number, 0] + part @ (common + own[number])
            log_size = np.full(len(rows), start[number, 1] + level[number, 1])
            mean, size = mean_and_size(np.column_stack([log_mean, log_size]))
            by_row = log_gradient(actions[rows], mean, size)
            value -= log_likelihood(actions[rows], mean, size).sum()
            of_own[number] = -(part.T @ by_row[:, 0])
            of_level[number] = -by_row.sum(axis=0)
        of_common += of_own.sum(axis=0)
        for coefficients, of_coefficients, usual in ((common, of_common, _COMMON), (own, of_own, _BY_GOAL)):
            scale = usual / shrinkage
            penalty, of_penalty = prior(coefficients / scale)
            value += penalty
            np.add(of_coefficients, of_penalty / scale, out=of_coefficients)
        value += 0.5 * ((level / (_LEVEL, _SIZE)) ** 2).sum()
        of_level += level / np.square((_LEVEL, _SIZE))
        return float(value), gradient

    best = np.zeros(columns * (1 + goals) + 2 * goals)
    bounds = _bounds(np.repeat(directions, [len(shapes) for shapes in basis.shapes]), goals)
    for prior, rounds in ((_normal, 100), (_student, 300)):  # the normal prior, with its single optimum, leads the way
        best = optimize.minimize(
            loss, best, args=(prior,), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": rounds}
        ).x
    common, own, level = unpack(best)
    coefficients = np.vstack([common + own, common])
    means = np.array([part.mean(axis=0) if len(part) else np.zeros(columns) for part in parts] + [np.zeros(columns)])
    shift = np.vstack([level, np.zeros((1, 2))])
    shift[:, 0] += (coefficients * means).sum(axis=1)
    return Additive(_curves(basis, coefficients, means + center), start + shift)


def _bounds(directions: NDArray[np.int64], goals: int) -> optimize.Bounds:
    """Return what coefficients may be: the columns of a feature rise, so a curve goes the way of their coefficients."""
    of_curves = np.tile(directions, 1 + goals)
    low = np.concatenate([np.where(of_curves > 0, 0.0, -np.inf), np.full(2 * goals, -np.inf)])
    high = np.concatenate([np.where(of_curves < 0, 0.0, np.inf), np.full(2 * goals, np.inf)])
    return optimize.Bounds(low, high)


def _normal(coefficients: FloatArray) -> tuple[float, FloatArray]:
    """Return the negative log density of a normal prior of standard deviation 2, and its gradient."""
    return float((coefficients**2).sum() / 8), coefficients / 4


def _student(coefficients: FloatArray) -> tuple[float, FloatArray]:
    """Return the negative log density of Student's prior with two degrees of freedom, and its gradient."""
    squares = coefficients**2
    return float(1.5 * np.log1p(squares / 2).sum()), 1.5 * coefficients / (1 + squares / 2)


def _basis(matrix: FloatArray, text_columns: Collection[int]) -> Basis:
    knots, shapes = [], []
    for feature in range(matrix.shape[1]):
        known = matrix[np.isfinite(matrix[:, feature]), feature]
        if feature in text_columns:
            own = np.unique(known)
            columns = np.eye(len(own))
        else:
            own, columns = _numeric(known)
        knots.append(own)
        shapes.append(columns)
    return Basis(knots, shapes)


def _numeric(known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return knots at quantiles, and two columns at them: the number, standardised, and its normal score.

    Extremes count as the 0.5 % and 99.5 % quantiles. What never varies has no column.
    """
    levels = np.linspace(0.005, 0.995, _KNOTS)
    knots, which = np.unique(np.quantile(known, levels) if len(known) else known, return_inverse=True)
    if len(knots) < 2:
        return knots[:0], np.empty((0, 0))
    ranks = np.bincount(which, levels) / np.bincount(which)
    clipped = np.clip(known, knots[0], knots[-1])
    return knots, np.vstack([(knots - clipped.mean()) / clipped.std(), special.ndtri(ranks)])


def _design(basis: Basis, matrix: FloatArray) -> FloatArray:
    """Return the columns of the design, shape (n, columns)."""
    columns = [
        np.nan_to_num(np.interp(matrix[:, feature], knots, shape))
        for feature, (knots, shapes) in enumerate(zip(*basis, strict=True))
        for shape in shapes
    ]
    return np.column_stack(columns) if columns else np.empty((len(matrix), 0))


def _curves(basis: Basis, coefficients: FloatArray, average: FloatArray) -> Curves:
    """Return the curves of each goal, less their average over its rows; both arguments are (goals + 1, columns)."""
    values: list[list[tuple[float, ...]]] = [[] for _ in coefficients]
    unknown: list[list[float]] = [[] for _ in coefficients]
    first = 0
    for shapes in basis.shapes:
        columns = slice(first, first + len(shapes))
        first += len(shapes)
        own = coefficients[:, columns]
        middle = (own * average[:, columns]).sum(axis=1, keepdims=True)
        for goal, (curve, nothing) in enumerate(zip(own @ shapes - middle, -middle[:, 0], strict=True)):
            values[goal].append(tuple(np.round(curve, _DIGITS).tolist()))
            unknown[goal].append(round(float(nothing), _DIGITS))
    return Curves(
        knots=tuple(tuple(knots.tolist()) for knots in basis.knots),
        values=tuple(tuple(curves) for curves in values),
        unknown=tuple(tuple(row) for row in unknown),
    )
