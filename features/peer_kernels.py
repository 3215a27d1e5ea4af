"""Compiled comparisons of accounts with their peers.

The conventions of `features.kernels` hold here.
"""

from __future__ import annotations

import numpy as np

from features.kernels import compiled


@compiled
def along(spans, signal, platform, knots, usual, spread, size):
    """Read a signal's curve of each account's platform, straight between its knots, level outside: (2, accounts).

    A row of `spans` holds signal, platform, and where the curve begins and ends in `knots` (ascending). The results,
    usual and spread, are null where there is no curve, or no size.
    """
    result = np.full((2, len(size)), np.nan)
    for i in range(len(size)):
        start, stop = 0, 0
        for j in range(len(spans)):
            if spans[j, 0] == signal and spans[j, 1] == platform[i]:
                start, stop = spans[j, 2], spans[j, 3]
        if start == stop or np.isnan(size[i]):
            continue
        left, right = start, stop
        while left < right:
            middle = (left + right) >> 1
            if knots[middle] <= size[i]:
                left = middle + 1
            else:
                right = middle
        for part, heights in enumerate((usual, spread)):
            if left == start:
                result[part, i] = heights[left]
            elif left == stop:
                result[part, i] = heights[left - 1]
            else:
                share = (size[i] - knots[left - 1]) / (knots[left] - knots[left - 1])
                result[part, i] = heights[left - 1] + share * (heights[left] - heights[left - 1])
    return result


@compiled
def neighbourhood(values, reach):
    """Return median and median absolute deviation of each value and the `reach` before and behind it in the list."""
    level, deviation = np.empty(len(values)), np.empty(len(values))
    for i in range(len(values)):
        near = values[max(i - reach, 0) : i + reach + 1].copy()
        level[i] = np.median(near)
        deviation[i] = np.median(np.abs(near - level[i]))
    return level, deviation
