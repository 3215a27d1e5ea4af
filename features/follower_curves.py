"""Curves over log counts that add up to the log odds of a fake follower: how they are learnt and how they are read.

Which of the three counts of a profile are known differs between platforms, so there is one set of curves for each of
the seven combinations, fitted as if nothing else were ever measured: more exact than filling in what is missing
(Saar-Tsechansky and Provost, "Handling missing values when applying classification models", JMLR 2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.kernels import compiled

if TYPE_CHECKING:
    from features.events import FloatArray, IntArray

KNOTS = 13
"""Knots of a curve, one per e-fold; straight between them, level outside."""
# Logarithms of followers, following and posts, and of their ratios following / followers, posts / following and posts /
# followers: an account that follows far more people than follow it, or follows many and shows nothing, is what bought
# followers look like, whatever its size.
STARTS = np.array([0.0, 0.0, 0.0, -6.0, -6.0, -6.0])
CURVES = len(STARTS) * KNOTS
WEIGHTS = CURVES + 3
"""Numbers per combination of counts: the curves, has_picture, is_private, and the level."""
COMBINATIONS = 8
"""Sums of 1 (followers known), 2 (following) and 4 (posts)."""

STEP_PENALTY = 1.0
"""A prior: from one knot to the next, an e-fold, a curve moves by a normal step with a standard deviation of one unit
of log odds. So curves are level where nobody was labelled."""
LEVEL_PENALTY = 0.01  # only says which of many equal sums of curves is meant
FLAG_PENALTY = 0.3


def known_counts(counts: FloatArray) -> FloatArray:
    """Take a (n, 3) table of followers, following and posts to logarithms; null where negative, endless or null."""
    usable = np.isfinite(counts) & (counts >= 0)
    return np.log1p(counts, out=np.full(counts.shape, np.nan), where=usable)


def design(logs: FloatArray, flags: FloatArray) -> FloatArray:
    """Return the (n, WEIGHTS) table whose product with the weights is the log odds; zero where a count is null."""
    followers, following, posts = logs.T
    places = np.column_stack([logs, following - followers, posts - following, posts - followers])
    with np.errstate(invalid="ignore"):
        place = np.clip(places - STARTS, 0, KNOTS - 1)[:, :, None]
        hats = np.maximum(0, 1 - np.abs(place - np.arange(KNOTS)))
    hats[np.isnan(places)] = 0
    return np.hstack([hats.reshape(len(logs), CURVES), flags, np.ones((len(logs), 1))])


def learn(table: FloatArray, fake: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit penalised logistic regression by Newton's method.

    Parameters
    ----------
    table : (n, WEIGHTS) float64
        From `design`.
    fake : (n,) float64
        1 or 0; both occur.

    Returns
    -------
    weights : (WEIGHTS,) float64
    log_odds : (n,) float64
        Of each row as a fit without that row would give them, to first order (Pregibon, "Logistic regression
        diagnostics", Annals of Statistics 1981; Rad and Maleki, JRSS B 2020).
    """
    steps = np.diff(np.eye(KNOTS), axis=0)
    penalty = np.zeros((WEIGHTS, WEIGHTS))
    curve = STEP_PENALTY * steps.T @ steps + LEVEL_PENALTY * np.eye(KNOTS)
    penalty[:CURVES, :CURVES] = np.kron(np.eye(len(STARTS)), curve)
    penalty[CURVES:-1, CURVES:-1] = FLAG_PENALTY * np.eye(2)

    def loss(weights: FloatArray) -> float:
        return float(np.logaddexp(0, (1 - 2 * fake) * (table @ weights)).sum() + 0.5 * weights @ penalty @ weights)

    weights = np.zeros(WEIGHTS)
    for _ in range(100):
        chance = 1 / (1 + np.exp(-(table @ weights)))
        spread = chance * (1 - chance)
        curvature = table.T @ (spread[:, None] * table) + penalty
        step = np.linalg.solve(curvature, table.T @ (fake - chance) - penalty @ weights)
        before = loss(weights)
        while loss(weights + step) > before + 1e-9 and np.abs(step).max() > 1e-9:
            step /= 2
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    leverage = np.einsum("ij,ij->i", table @ np.linalg.inv(curvature), table)
    return weights, table @ weights - leverage * (fake - chance) / (1 - spread * leverage)


@compiled
def _height(weights: FloatArray, curve: int, log: float) -> float:
    place = min(max(log - STARTS[curve], 0.0), KNOTS - 1.0)
    knot = min(int(place), KNOTS - 2)
    rest = place - knot
    return (1 - rest) * weights[curve * KNOTS + knot] + rest * weights[curve * KNOTS + knot + 1]


def log_odds(profiles: tuple[FloatArray, ...], weights: FloatArray, usual: FloatArray) -> tuple[FloatArray, IntArray]:
    """Read the curves of n followers: their log odds, and what is known of them.

    Parameters
    ----------
    profiles : five (n,) float64
        followers, following, posts, has_picture, is_private; NaN for null.
    weights : (COMBINATIONS, WEIGHTS) float64
    usual : (2,) float64
        Stands in for has_picture and is_private where they are null.

    Returns
    -------
    log_odds : (n,) float64
    known : (n,) int64
        Four times the combination of counts, plus 2 where has_picture is known, plus 1 where is_private is.
    """
    # Columns of Arrow and pandas may be read only, and a tuple is compiled only where all are alike.
    return _log_odds(tuple(read_only(values) for values in profiles), read_only(weights), read_only(usual))


def read_only(values: FloatArray) -> FloatArray:
    """Return the values as contiguous float64 that cannot be written to: one type for what is compiled."""
    view = np.ascontiguousarray(values, np.float64).view()
    view.flags.writeable = False
    return view


@compiled
def _log_odds(profiles: tuple[FloatArray, ...], weights: FloatArray, usual: FloatArray) -> tuple[FloatArray, IntArray]:
    counts = profiles[:3]
    n = len(profiles[0])
    result = np.empty(n)
    known = np.empty(n, np.int64)
    logs = np.empty(3)
    for row in range(n):
        code = 0
        for part in range(3):
            count = counts[part][row]
            if 0 <= count < np.inf:
                logs[part] = np.log1p(count)
                code |= 1 << part
        own = weights[code]
        total = own[WEIGHTS - 1]
        for part in range(3):
            if code >> part & 1:
                total += _height(own, part, logs[part])
        if code & 3 == 3:
            total += _height(own, 3, logs[1] - logs[0])
        if code & 6 == 6:
            total += _height(own, 4, logs[2] - logs[1])
        if code & 5 == 5:
            total += _height(own, 5, logs[2] - logs[0])
        for flag in range(2):
            value = profiles[3 + flag][row]
            is_known = not np.isnan(value)
            total += own[CURVES + flag] * (value if is_known else usual[flag])
            code = 2 * code + is_known
        result[row], known[row] = total, code
    return result, known
