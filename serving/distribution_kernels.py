"""Compiled distribution of actions, pair by pair; see `serving.distribution`.

The conventions of `features.kernels` hold here. The incomplete beta function and the normal quantile are scipy's own,
called as the C functions that they are.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numpy as np
from numba import types
from numba.extending import get_cython_function_address
from scipy.special import cython_special

from features.kernels import compiled

LARGEST = 2.0**53
"""Whole numbers are exact in float64 up to here."""
_DECIMALS = 1e9  # of logits: below lie the rounding errors of the incomplete beta function
_RARE = 0.999
_CERTAIN = 36.0  # largest logit: nothing that counts decide is certain, and float64 has nothing between this and 1
_TINY = float(np.finfo(np.float64).tiny)


def _of_scipy(name: str, arguments: int) -> Any:
    """Return a function of scipy for float64 as one that compiled code can call and keep."""
    wanted = f"double ({'double, ' * arguments}int __pyx_skip_dispatch)"
    exported = cython_special.__pyx_capi__.items()
    found = next(key for key, value in exported if key in {name, f"__pyx_fuse_0{name}"} and wanted in repr(value))
    address = get_cython_function_address("scipy.special.cython_special", found)
    # By name, since an address holds for this process only, and what is compiled is kept for the next.
    llvmlite.binding.add_symbol(f"impel_{name}", address)
    return types.ExternalFunction(f"impel_{name}", types.double(*[types.double] * arguments, types.intc))


_betainc = _of_scipy("betainc", 3)
_ndtri = _of_scipy("ndtri", 1)


@compiled
def _reach(k, posted, mean, size):
    """Return the logit of P(actions >= k) under a negative binomial with extra zeros, for a whole number k from 1.

    P(N < k) is the regularised incomplete beta function; its complement is asked for as such where it is small, so that
    both tails keep their digits.
    """
    below = _betainc(size, k, size / (mean + size), 0)
    reached = 1 - below
    if below > _RARE:
        reached = _betainc(k, size, mean / (mean + size), 0)
    odds = np.log(max(posted * reached, _TINY)) - np.log(max(1 - posted + posted * below, _TINY))
    return np.rint(odds * _DECIMALS) / _DECIMALS


@compiled
def _rung(k, log_scale, rungs):
    """Return the place of the last rung that is not above log k on the scale of the goal; at least the first."""
    scaled = np.log(k) - log_scale
    place = 0
    while place + 1 < len(rungs) and rungs[place + 1] <= scaled:
        place += 1
    return place


@compiled
def _log_of_rung(rung, log_scale):
    """Return the logarithm of the whole number of actions that a rung stands for."""
    return np.log(max(np.ceil(np.exp(log_scale + rung)), 1.0))


@compiled
def _between(k, log_scale, rungs):
    """Return the places of the rungs around a whole number k, and which part of the way between them it is, in logs.

    A rung stands for the whole number that the booster learnt from; beyond the last, and where two stand for the same,
    there is no way to go.
    """
    lower = _rung(k, log_scale, rungs)
    upper = min(lower + 1, len(rungs) - 1)
    start, end = _log_of_rung(rungs[lower], log_scale), _log_of_rung(rungs[upper], log_scale)
    part = min(max((np.log(k) - start) / (end - start), 0.0), 1.0) if end > start else 0.0
    return lower, upper, part


@compiled
def _whole(at_least):
    """Return the whole number from 1 that is asked for."""
    return min(max(np.ceil(at_least), 1.0), LARGEST)


@compiled
def _reached(at_least, posted, mean, size, intercept, slope, second):
    """Return the calibrated P(actions >= at_least), where `second` is what the second opinion adds to the logit."""
    if at_least <= 0:
        return 1.0
    if at_least > LARGEST:
        return 0.0
    logit = intercept + slope * _reach(_whole(at_least), posted, mean, size) + second
    return 1 / (1 + np.exp(-min(max(logit, -_CERTAIN), _CERTAIN)))


@compiled
def reach_logit(at_least, posted, mean, size):
    """Return the logit of P(actions >= at_least), before calibration; all of shape (pairs,)."""
    result = np.empty(len(mean))
    for i in range(len(mean)):
        result[i] = _reach(at_least[i], posted[i], mean[i], size[i])
    return result


@compiled
def between(at_least, log_scale, rungs):
    """Return `_between` of at_least on the scale of each pair's goal; all of shape (pairs,)."""
    lower, upper = np.empty(len(at_least), np.int64), np.empty(len(at_least), np.int64)
    part = np.empty(len(at_least))
    for i in range(len(at_least)):
        lower[i], upper[i], part[i] = _between(_whole(at_least[i]), log_scale[i], rungs)
    return lower, upper, part


@compiled
def _line(here, there, part):
    """Return the value a part of the way from here to there; never below there, whatever rounding does."""
    return max(here + part * (there - here), there)


@compiled
def opinions(table, lower, upper, part):
    """Return what is said a part of the way between two columns of each row of a table, (pairs,)."""
    result = np.empty(len(table))
    for i in range(len(table)):
        result[i] = _line(table[i, lower[i]], table[i, upper[i]], part[i])
    return result


@compiled
def survival(at_least, posted, mean, size, intercept, slope, second):
    """Return the calibrated P(actions >= at_least); all of shape (pairs,)."""
    result = np.empty(len(mean))
    for i in range(len(mean)):
        result[i] = _reached(at_least[i], posted[i], mean[i], size[i], intercept[i], slope[i], second[i])
    return result


@compiled
def _start(more, posted, mean, size, intercept, steepness):
    """Return where the number that is exceeded with probability `more` may lie.

    It is the quantile of the gamma distribution that the negative binomial is close to, after Wilson and Hilferty
    (1931), as if the second opinion were the first.
    """
    if not 0 < more < 1:
        return 0.0
    raw = 1 / (1 + np.exp(-(np.log(more / (1 - more)) - intercept) / steepness))
    ninth = (mean + size) / (9 * size * mean)
    root = 1 - ninth - _ndtri(min(raw / max(posted, 1e-300), 1.0), 0) * np.sqrt(ninth)
    found = np.floor(mean * max(root, 0.0) ** 3)
    return min(max(found, 0.0), LARGEST / 4)


@compiled
def _exceeded(number, posted, mean, size, intercept, slope, weight, opinion, log_scale, rungs):
    """Return the calibrated probability of more actions than a whole number from -1; `opinion` is that at each rung."""
    second = 0.0
    if len(rungs):
        lower, upper, part = _between(_whole(number + 1), log_scale, rungs)
        second = weight * _line(opinion[lower], opinion[upper], part)
    return _reached(number + 1, posted, mean, size, intercept, slope, second)


@compiled
def _quantile(more, own):
    """Return the smallest number that is exceeded with probability `more` at most, and with which one it is reached.

    `own` is all that `_exceeded` asks for behind the number. The search brackets and bisects the survival function
    itself, so that quantiles and likelihoods agree exactly.
    """
    low, high = -1.0, 0.0  # low is too small, or -1, and high large enough
    if _exceeded(0.0, *own) > more:
        posted, mean, size, intercept, slope, weight = own[:6]
        high = _start(more, posted, mean, size, intercept, slope + weight)
        step = 1.0 + np.floor(0.02 * high)
        low = high - step
        high += step
        while low >= 0 and _exceeded(low, *own) <= more:
            high = low
            step *= 4
            low -= step
        low = max(low, 0.0)
        while high < LARGEST / 2 and _exceeded(high, *own) > more:
            low = high
            step *= 4
            high += step
    while high - low > 1:
        middle = np.floor((low + high) / 2)
        if _exceeded(middle, *own) <= more:
            high = middle
        else:
            low = middle
    return high, _exceeded(high - 1, *own)


@compiled
def intervals(coverage, posted, mean, size, intercept, slope, weight, opinion, log_scale, rungs):
    """Return the limits of each pair's interval, (pairs,) each; see `ActionDistribution.interval`.

    All arrays are of shape (pairs,), but for what the second opinion says at each rung, (pairs, rungs), and the rungs,
    both empty where there is none.
    """
    low, high = np.empty(len(mean)), np.empty(len(mean))
    for i in range(len(mean)):
        own = posted[i], mean[i], size[i], intercept[i], slope[i], weight[i], opinion[i], log_scale[i], rungs
        low[i], reached = _quantile(1 - (1 - coverage) / 2, own)
        high[i] = max(_quantile(reached - coverage, own)[0], low[i])
    return low, high
