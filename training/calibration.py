"""Calibration of the whole distribution on out-of-fold predictions, each goal shrunk to the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, special

from serving.distribution import ActionDistribution, mean_and_size
from serving.spec import GoalShape, PostedShape
from training.likelihood import log_gradient, log_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from serving.distribution import FloatArray

# Standard deviations of normal priors: of the pool around "nothing to correct", and of a goal around the pool.
_POOL_SHIFT, _GOAL_SHIFT = (0.5, 1.5), (0.3, 0.5)  # of log mean and log size
_SLOPES = (0.3, 0.3)
# Of intercept, log slope and log weight. The level has been corrected by then; how much either opinion is worth is not
# known beforehand, and much the same for all goals.
_POOL_MAP, _GOAL_MAP = (0.1, 1.0, 1.0), (0.1, 0.1, 0.1)
_CORRECTION = 0.2
_POSTED_SLOPE = 0.3
_THRESHOLDS = 8


class OutOfFold(NamedTuple):
    """Predictions for n activations that the boosters were not trained on.

    Attributes
    ----------
    goal : array of int, shape (n,)
        Position in the list of goals.
    start, score : arrays of shape (n, 2)
        Log mean and log size of the goal in the fold's training rows, and what the booster adds to them.
    posted_score : array of shape (n,)
        Logit of being posted.
    actions, posted : arrays of shape (n,)
    weight : array of shape (n,)
        How much an activation counts.
    opinion : callable or None
        The second opinion: logits (n,) of reaching thresholds (n,).
    """

    goal: NDArray[np.intp]
    start: FloatArray
    score: FloatArray
    posted_score: FloatArray
    actions: FloatArray
    posted: NDArray[np.bool_]
    weight: FloatArray
    opinion: Callable[[FloatArray], FloatArray] | None


class Moments(NamedTuple):
    """Corrections of log mean and log size: `shift` per goal and, last, of a goal never seen, (goals + 1, 2).

    `slope`, of shape (2,), multiplies the booster's scores.
    """

    shift: FloatArray
    slope: FloatArray


class Maps(NamedTuple):
    """Calibration maps and corrections of the expected actions, per goal and, last, of a goal never seen."""

    intercept: FloatArray
    slope: FloatArray
    weight: FloatArray
    correction: FloatArray


class Calibration(NamedTuple):
    """All that was learnt from out-of-fold predictions, and the distributions before they were mapped."""

    moments: Moments
    maps: Maps
    posted: PostedShape | None
    unmapped: ActionDistribution

    def shapes(self, start: FloatArray) -> list[GoalShape]:
        """Return the shapes of the goals and, last, of one never seen; `start` as in `OutOfFold`, (goals + 1, 2)."""
        log_mean, log_size = (start + self.moments.shift).T.tolist()
        slope, size_slope = self.moments.slope.tolist()
        return [
            GoalShape(
                log_mean=log_mean[goal],
                slope=slope,
                log_size=log_size[goal],
                size_slope=size_slope,
                intercept=float(self.maps.intercept[goal]),
                stretch=float(self.maps.slope[goal]),
                correction=float(self.maps.correction[goal]),
                weight=float(self.maps.weight[goal]),
            )
            for goal in range(len(start))
        ]


def calibrate(found: OutOfFold, *, goals: int) -> Calibration:
    """Return the calibration of mean, size, posting and the whole distribution, in this order."""
    rows = found.posted
    moments = fit_moments(
        found.goal[rows], found.start[rows], found.score[rows], found.actions[rows], found.weight[rows], goals=goals
    )
    mean, size = mean_and_size(found.start + moments.shift[found.goal] + moments.slope * found.score)
    nothing, one = np.zeros(len(mean)), np.ones(len(mean))
    posted = None if rows.all() else fit_posted(found.posted_score, rows, found.weight)
    probability = one if posted is None else special.expit(posted.intercept + posted.slope * found.posted_score)
    unmapped = ActionDistribution(probability, mean, size, intercept=nothing, slope=one, correction=one)
    return Calibration(
        moments,
        fit_maps(unmapped, found.goal, found.actions, found.weight, goals=goals, opinion=found.opinion),
        posted,
        unmapped,
    )


def fit_moments(
    goal: NDArray[np.intp],
    start: FloatArray,
    score: FloatArray,
    actions: FloatArray,
    weight: FloatArray,
    *,
    goals: int,
) -> Moments:
    """Return the corrections with the greatest negative binomial likelihood of posted activations.

    log mean = start + shift of the goal + slope * score, and the same for the size; the slopes are common to all goals.
    """
    prior = np.concatenate([[0.0, 0.0, 1.0, 1.0], np.zeros(2 * goals)])
    spread = np.array([*_POOL_SHIFT, *_SLOPES, *np.repeat(_GOAL_SHIFT, goals)])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        shift = parameters[:2] + parameters[4:].reshape(2, goals).T
        mean, size = mean_and_size(start + shift[goal] + parameters[2:4] * score)
        apart = (parameters - prior) / spread
        slopes = -log_gradient(actions, mean, size) * weight[:, None]
        by_goal = [np.bincount(goal, slopes[:, column], goals) for column in range(2)]
        gradient = np.concatenate([slopes.sum(axis=0), (slopes * score).sum(axis=0), *by_goal])
        value = -(weight @ log_likelihood(actions, mean, size)) + 0.5 * apart @ apart
        return float(value), gradient + apart / spread

    best = optimize.minimize(
        loss, prior, jac=True, method="L-BFGS-B", bounds=_not_turned(len(prior), (2, 3)), options={"maxiter": 200}
    ).x
    shift = best[:2] + np.vstack([best[4:].reshape(2, goals).T, np.zeros((1, 2))])
    return Moments(shift=shift, slope=best[2:4] * score.any())  # a score that was never tested does not count


def fit_posted(score: FloatArray, posted: NDArray[np.bool_], weight: FloatArray) -> PostedShape:
    """Return the logistic recalibration of the posted booster: free intercept, slope shrunk towards 1."""
    label = posted.astype(np.float64)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        z = parameters[0] + parameters[1] * score
        wrong = weight * (special.expit(z) - label)
        apart = (parameters[1] - 1) / _POSTED_SLOPE
        value = -(weight @ (label * special.log_expit(z) + (1 - label) * special.log_expit(-z)))
        return float(value + 0.5 * apart**2), np.array([wrong.sum(), wrong @ score + apart / _POSTED_SLOPE])

    best = optimize.minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=_not_turned(2, (1,))).x
    return PostedShape(intercept=float(best[0]), slope=float(best[1]))


def _not_turned(parameters: int, slopes: tuple[int, ...]) -> optimize.Bounds:
    """Return bounds that keep slopes from turning a score round: what may only lower it must not raise the answer."""
    low = np.full(parameters, -np.inf)
    low[list(slopes)] = 0.0
    return optimize.Bounds(low, np.inf)


def fit_maps(
    unmapped: ActionDistribution,
    goal: NDArray[np.intp],
    actions: FloatArray,
    weight: FloatArray,
    *,
    goals: int,
    opinion: Callable[[FloatArray], FloatArray] | None,
) -> Maps:
    """Return the map of the survival function and the correction of the expected actions.

    The map is a logistic regression of "reached k" on the logits of the uncalibrated likelihood and of the second
    opinion, over thresholds k at quantiles of each goal's actions: one intercept, slope and weight for all thresholds,
    so that it stays one distribution. Slope and weight start from one half each, the mean of both opinions. An
    activation counts once, however many thresholds it is asked about.
    """
    levels = (np.arange(_THRESHOLDS) + 0.5) / _THRESHOLDS
    thresholds = np.ones((goals, _THRESHOLDS))
    for number in range(goals):
        own = actions[(goal == number) & (actions > 0)]
        if len(own):
            thresholds[number] = np.ceil(np.quantile(own, levels))
    wanted = thresholds[goal].T
    # One outcome that was thought impossible must not decide about all.
    logit = np.clip([unmapped.logit(at_least) for at_least in wanted], -20.0, 20.0)
    reached = (actions >= wanted).astype(np.float64)
    share = weight / _THRESHOLDS
    spread = np.array([*_POOL_MAP, *np.repeat(_GOAL_MAP, goals)])
    second = np.zeros_like(logit) if opinion is None else np.stack([opinion(at_least) for at_least in wanted])
    typical = 1.0 if opinion is None else 0.5

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        intercept, slope, second_slope = _map(parameters, goals, typical)
        z = intercept[goal] + slope[goal] * logit + second_slope[goal] * second
        value = -(share * (reached * special.log_expit(z) + (1 - reached) * special.log_expit(-z))).sum()
        wrong = share * (special.expit(z) - reached)
        apart = parameters / spread
        by_intercept = np.bincount(goal, wrong.sum(axis=0), goals)
        by_slope = np.bincount(goal, (wrong * logit).sum(axis=0), goals) * slope[:goals]
        by_second = np.bincount(goal, (wrong * second).sum(axis=0), goals) * second_slope[:goals]
        by_goal = (by_intercept, by_slope, by_second)
        gradient = np.concatenate([[part.sum() for part in by_goal], *by_goal])
        return float(value + 0.5 * apart @ apart), gradient + apart / spread

    best = optimize.minimize(loss, np.zeros(len(spread)), jac=True, method="L-BFGS-B").x
    intercept, slope, second_slope = _map(best, goals, typical)
    if opinion is None:
        second_slope = np.zeros_like(second_slope)
    return Maps(intercept, slope, second_slope, _corrections(unmapped.expected(), goal, actions, weight, goals=goals))


def _map(parameters: FloatArray, goals: int, typical: float) -> FloatArray:
    """Return intercept, slope and weight of the second opinion per goal and, last, of one never seen."""
    by_goal = parameters[:3, None] + np.column_stack([parameters[3:].reshape(3, goals), np.zeros(3)])
    return np.vstack([by_goal[:1], typical * np.exp(by_goal[1:])])


def _corrections(
    expected: FloatArray, goal: NDArray[np.intp], actions: FloatArray, weight: FloatArray, *, goals: int
) -> FloatArray:
    """Return actions / expected actions of each goal, shrunk towards 1 by how well it is known."""
    total = np.bincount(goal, weight * expected, goals)
    miss = np.bincount(goal, weight * (actions - expected), goals)
    noise = np.sqrt(np.bincount(goal, (weight * (actions - expected)) ** 2, goals))
    seen = np.maximum(total, np.finfo(np.float64).tiny)
    known = _CORRECTION**2 / (_CORRECTION**2 + (noise / seen) ** 2)
    ratio = np.log(np.maximum(1 + miss / seen, 0.1))
    return np.append(np.where(total > 0, np.exp(known * ratio), 1.0), 1.0)
