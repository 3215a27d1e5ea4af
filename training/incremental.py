"""The incremental share: how many of the attributed actions would not have come anyway, where holdouts measured it.

Incremental actions are rarely measured, by campaign, and for a few campaigns of each goal, so what is learnt is one
number for each goal: the share of the attributed actions that is incremental in a campaign still to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import halfnorm

from features.errors import DataError
from serving.spec import Incremental, IncrementalShare

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from serving.distribution import FloatArray

FEWEST_CAMPAIGNS = 5
"""Measured campaigns below which nothing is said: fewer cannot show how much shares differ between campaigns."""

# Priors, on the scale of a share: half-normal standard deviations between campaigns of a goal and between goals (Gelman
# 2006), and the mean over goals, which is a half, give or take everything.
_BETWEEN_CAMPAIGNS, _BETWEEN_GOALS = 0.2, 0.25
_MEAN, _MEAN_DEVIATION = 0.5, 0.5
_STEPS = 32  # of each standard deviation's grid, equally likely beforehand
_LEAST = 0.001  # a share of nothing would have no distribution
_BINOMIAL = 0.25  # largest variance of a count for each action that may be part of it


def fit_incremental(
    goals: tuple[str, ...],
    goal: NDArray[np.intp],
    actions: FloatArray,
    incremental_actions: ArrayLike | None,
    *,
    campaign_id: ArrayLike | None = None,
) -> Incremental:
    """Learn the incremental share of each goal.

    A random-effects meta-analysis with campaigns as studies. The share of a campaign is the sum of its incremental over
    the sum of its attributed actions, with a variance that is that of a count: proportional to the number of actions,
    by a factor that the activations of the goal's campaigns show. Campaigns differ around the mean of their goal,
    goals around a common mean; both standard deviations are integrated over on a grid, not estimated, so that a few
    campaigns do not look as if they all agreed. What is kept of a goal is mean and standard deviation of the share of
    *another* campaign (the predictive distribution: Higgins, Thompson and Spiegelhalter 2009).

    Parameters
    ----------
    goals : names of the goals
    goal : array of shape (n,)
        Position of each activation's goal.
    actions : array of shape (n,)
        Those attributed.
    incremental_actions : array of shape (n,), optional
        NaN where no holdout was run; may be below 0 or above `actions`, as differences of two groups can be.
    campaign_id : array of shape (n,), optional
        Left out, each activation is a campaign of its own.

    Raises
    ------
    DataError
        Where the lengths differ or a number is infinite.
    """
    unknown = np.full(len(actions), np.nan)
    incremental = unknown if incremental_actions is None else np.asarray(incremental_actions, dtype=np.float64)
    campaign = np.arange(len(actions)) if campaign_id is None else np.asarray(campaign_id)
    for name, values in {"incremental_actions": incremental, "campaign_id": campaign}.items():
        if len(values) != len(actions):
            raise DataError(f"{name} has {len(values)} rows, the feature table {len(actions)}; give one per row")
    if np.isinf(incremental).any():
        raise DataError("incremental_actions must be finite numbers, null where no holdout was run")
    known = np.isfinite(incremental)
    if not known.any():
        return Incremental(why_not=f"none of {len(goal):,} activations has incremental_actions, from a holdout")
    campaigns = _campaigns(goal[known], actions[known], incremental[known], campaign[known], goals=len(goals))
    if len(campaigns) < FEWEST_CAMPAIGNS:
        return Incremental(
            why_not=f"{len(campaigns)} campaigns with actions have incremental_actions, from a holdout; "
            f"{FEWEST_CAMPAIGNS} are needed, as fewer cannot show how much shares differ between campaigns"
        )
    of, share, variance = (campaigns[name].to_numpy() for name in ("goal", "share", "variance"))
    measured = np.unique(of)
    mean, deviation = _predicted(np.searchsorted(measured, of), share, variance)
    found = {}
    for place, code in enumerate(measured):
        rows = campaigns[of == code]
        found[goals[code]] = IncrementalShare(
            share=max(float(mean[place]), _LEAST),
            deviation=float(deviation[place]),
            campaigns=len(rows),
            activations=int(rows["activations"].sum()),
        )
    return Incremental(shares=found)


def _campaigns(
    goal: NDArray[np.intp],
    actions: FloatArray,
    incremental: FloatArray,
    campaign_id: NDArray[Any],
    *,
    goals: int,
) -> pd.DataFrame:
    """Return goal, share, its sampling variance, and activations of each measured campaign that had any actions."""
    code, names = pd.factorize(campaign_id)
    of = np.zeros(len(names), dtype=np.intp)
    of[code] = goal
    whole, part = np.bincount(code, actions), np.bincount(code, incremental)
    with_actions = np.bincount(code, actions > 0)
    share = np.divide(part, whole, out=np.zeros(len(names)), where=whole > 0)
    off = incremental - share[code] * actions
    squares = np.divide(off**2, actions, out=np.zeros(len(off)), where=actions > 0)
    # One more activation as noisy as a binomial can be: what was measured once does not look certain.
    noise = np.bincount(goal, squares, minlength=goals) + _BINOMIAL
    noise /= np.bincount(of, np.maximum(with_actions - 1, 0), minlength=goals) + 1
    found = pd.DataFrame({"goal": of, "share": share, "activations": np.bincount(code)})[whole > 0]
    return found.assign(variance=noise[of[whole > 0]] / whole[whole > 0])


def _predicted(goal: NDArray[np.intp], share: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of the share of a further campaign of each goal, (goals,).

    `goal` are codes of measured goals; all have shape (campaigns,). In the model share ~ N(m_goal, variance + t**2),
    m_goal ~ N(m, w**2) everything but t and w is normal, and known given them.
    """
    steps = halfnorm.ppf((np.arange(_STEPS) + 0.5) / _STEPS)
    t, w = (grid.ravel() for grid in np.meshgrid(_BETWEEN_CAMPAIGNS * steps, _BETWEEN_GOALS * steps))
    belongs = np.equal.outer(goal, np.arange(goal.max() + 1)).astype(np.float64)
    precision = 1 / (variance + t[:, None] ** 2)  # (grid, campaigns)
    total = precision @ belongs
    own = (precision * share) @ belongs / total  # (grid, goals)
    of_goal = 1 / (1 / total + w[:, None] ** 2)
    prior = _MEAN_DEVIATION**-2
    precise = of_goal.sum(axis=1) + prior
    common = ((of_goal * own).sum(axis=1) + prior * _MEAN) / precise
    log = (
        np.log(precision).sum(axis=1)
        - (precision * (share - own[:, goal]) ** 2).sum(axis=1)
        - np.log(total).sum(axis=1)
        + np.log(of_goal).sum(axis=1)
        - (of_goal * (own - common[:, None]) ** 2).sum(axis=1)
        - prior * (_MEAN - common) ** 2
        - np.log(precise)
    ) / 2
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    trust = of_goal * w[:, None] ** 2
    mean = trust * own + (1 - trust) * common[:, None]
    spread = trust / total + (1 - trust) ** 2 / precise[:, None] + t[:, None] ** 2
    predicted = weight @ mean
    return predicted, np.sqrt(weight @ (spread + (mean - predicted) ** 2))
