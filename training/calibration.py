"""From out-of-fold scores to the shape of the distribution: maximum a posteriori, each goal shrunk to the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, special

from serving.bundle import GoalShape, PostedShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.distribution import ActionDistribution, FloatArray

# Standard deviations of normal priors: of the pool around "nothing to correct", and of a goal around the pool.
_POOL_SHIFT, _POOL_SIZE, _POOL_SLOPE, _POOL_SIZE_SLOPE = 0.5, 1.5, 0.3, 0.3
_GOAL_SHIFT, _GOAL_SIZE = 0.3, 0.5
_POOL_INTERCEPT, _POOL_STRETCH = 0.3, 0.15
_GOAL_INTERCEPT, _GOAL_STRETCH = 0.2, 0.1
_CORRECTION = 0.2
_POSTED_SLOPE = 0.3
_THRESHOLDS = 8


class OutOfFold(NamedTuple):
    """Predictions for activations that the boosters were not trained on.

    `score` is the log of the mean relative to the goal's scale, `posted_score` the logit of being posted; `goal`
    holds positions in the list of goals. All of shape (n,).
    """

    goal: NDArray[np.intp]
    score: FloatArray
    posted_score: FloatArray
    actions: FloatArray
    posted: NDArray[np.bool_]


def fit_moments(found: OutOfFold, scales: FloatArray) -> tuple[list[GoalShape], GoalShape]:
    """Return mean and size given posted: of each goal, and of a goal never seen.

    Negative binomial likelihood of the posted activations (variance mean + mean² / size); shift and size per goal,
    slope and the size's dependence on the mean common to all. `scales` holds the goals' scales.
    """
    rows = found.posted
    goal, score, actions = found.goal[rows], found.score[rows], found.actions[rows]
    goals = len(scales)
    log_scale = np.log(scales)[goal]
    start = np.zeros(4 + 2 * goals)
    start[2] = 1.0
    spread = np.array([_POOL_SHIFT, _POOL_SIZE, _POOL_SLOPE, _POOL_SIZE_SLOPE])
    spread = np.concatenate([spread, np.full(goals, _GOAL_SHIFT), np.full(goals, _GOAL_SIZE)])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        shift, log_size, slope, size_slope = parameters[:4]
        shifts, sizes = shift + parameters[4 : 4 + goals], log_size + parameters[4 + goals :]
        relative = shifts[goal] + slope * score
        mean = np.exp(log_scale + relative)
        size = np.exp(np.clip(sizes[goal] + size_slope * relative, -5.0, 9.0))
        total = mean + size
        value = (
            special.gammaln(actions + size)
            - special.gammaln(size)
            + size * np.log(size / total)
            + special.xlogy(actions, mean / total)
        )
        by_size = size * (
            special.digamma(actions + size) - special.digamma(size) + np.log(size / total) + (mean - actions) / total
        )
        by_relative = size * (actions - mean) / total + size_slope * by_size
        apart = (parameters - start) / spread
        gradient = np.concatenate(
            [
                [by_relative.sum(), by_size.sum(), (by_relative * score).sum(), (by_size * relative).sum()],
                np.bincount(goal, by_relative, goals),
                np.bincount(goal, by_size, goals),
            ]
        )
        return float(-value.sum() + 0.5 * apart @ apart), -gradient + apart / spread

    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    shift, log_size, slope, size_slope = best[:4].tolist()
    common = {"slope": slope, "size_slope": size_slope}
    shapes = [
        GoalShape(scale=scale, shift=shift + by_shift, log_size=log_size + by_size, **common)
        for scale, by_shift, by_size in zip(
            scales.tolist(), best[4 : 4 + goals].tolist(), best[4 + goals :].tolist(), strict=True
        )
    ]
    pool = GoalShape(scale=float(np.exp(np.log(scales).mean())), shift=shift, log_size=log_size, **common)
    return shapes, pool


def fit_posted(found: OutOfFold) -> PostedShape:
    """Return the logistic recalibration of the posted booster: free intercept, slope shrunk towards 1."""
    posted = found.posted.astype(np.float64)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        z = parameters[0] + parameters[1] * found.posted_score
        wrong = special.expit(z) - posted
        apart = (parameters[1] - 1) / _POSTED_SLOPE
        value = -(posted * special.log_expit(z) + (1 - posted) * special.log_expit(-z)).sum()
        return float(value + 0.5 * apart**2), np.array(
            [wrong.sum(), (wrong * found.posted_score).sum() + apart / _POSTED_SLOPE]
        )

    best = optimize.minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B").x
    return PostedShape(intercept=float(best[0]), slope=float(best[1]))


def fit_maps(
    distribution: ActionDistribution, found: OutOfFold, shapes: list[GoalShape], pool: GoalShape
) -> tuple[list[GoalShape], GoalShape]:
    """Return the shapes with the map of the survival function and the correction of the expected actions.

    The map is a logistic regression of "reached k" on the logit of the uncalibrated likelihood, over thresholds k at
    quantiles of each goal's actions: one intercept and slope for all thresholds, so that the whole distribution
    stays one.
    """
    goals = len(shapes)
    goal = np.repeat(found.goal, _THRESHOLDS)
    levels = (np.arange(_THRESHOLDS) + 0.5) / _THRESHOLDS
    table = np.ones((goals, _THRESHOLDS))
    for number in range(goals):
        own = found.actions[(found.goal == number) & (found.actions > 0)]
        if len(own):
            table[number] = np.ceil(np.quantile(own, levels))
    wanted = table[found.goal]
    raw = np.stack([distribution.likelihood(wanted[:, column]) for column in range(_THRESHOLDS)], axis=1)
    logit = special.logit(np.clip(raw, 1e-9, 1 - 1e-9)).ravel()
    reached = (found.actions[:, None] >= wanted).astype(np.float64).ravel()
    spread = np.array([_POOL_INTERCEPT, _POOL_STRETCH, *[_GOAL_INTERCEPT] * goals, *[_GOAL_STRETCH] * goals])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        intercept = parameters[0] + parameters[2 : 2 + goals]
        stretch = np.exp(parameters[1] + parameters[2 + goals :])
        z = intercept[goal] + stretch[goal] * logit
        value = -(reached * special.log_expit(z) + (1 - reached) * special.log_expit(-z)).sum() / _THRESHOLDS
        wrong = (special.expit(z) - reached) / _THRESHOLDS
        apart = parameters / spread
        by_intercept = np.bincount(goal, wrong, goals)
        by_stretch = np.bincount(goal, wrong * logit, goals) * stretch
        gradient = np.concatenate([[by_intercept.sum(), by_stretch.sum()], by_intercept, by_stretch])
        return float(value + 0.5 * apart @ apart), gradient + apart / spread

    best = optimize.minimize(loss, np.zeros(len(spread)), jac=True, method="L-BFGS-B").x
    corrections = _corrections(distribution.expected(), found, goals)

    def mapped(shape: GoalShape, intercept: float, stretch: float, correction: float) -> GoalShape:
        return shape.model_copy(
            update={
                "intercept": float(best[0] + intercept),
                "stretch": float(np.exp(best[1] + stretch)),
                "correction": correction,
            }
        )

    calibrated = [
        mapped(shape, best[2 + number], best[2 + goals + number], float(corrections[number]))
        for number, shape in enumerate(shapes)
    ]
    return calibrated, mapped(pool, 0.0, 0.0, 1.0)


def _corrections(expected: FloatArray, found: OutOfFold, goals: int) -> FloatArray:
    """Return actions / expected actions of each goal, shrunk towards 1 by how well it is known."""
    total = np.bincount(found.goal, expected, goals)
    miss = np.bincount(found.goal, found.actions - expected, goals)
    noise = np.sqrt(np.bincount(found.goal, (found.actions - expected) ** 2, goals))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(np.maximum(1 + miss / total, 0.1))
        weight = _CORRECTION**2 / (_CORRECTION**2 + (noise / total) ** 2)
    return np.where(total > 0, np.exp(np.nan_to_num(weight * ratio)), 1.0)
