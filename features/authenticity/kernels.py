"""Compiled signs of authenticity: walks through two kinds of events at a time, and what the signs say together.

The conventions of `features.kernels` hold here.
"""

from __future__ import annotations

import numpy as np

from features.kernels import MICROSECONDS, compiled


@compiled
def jumps(at, row, start, stop, growth, before, usual, since, post_at, post_row, post_start, post_stop, strength, bar,
          patience, least):  # fmt: skip
    """Walk through each pair's readings and posts together, and look for growth that no post explains.

    A step is judged when it began `patience` microseconds or more after `since`. It is explained by a post of strength
    `bar` or more that was published during the step or at most `patience` before it. What a step exceeds is `usual`
    growth per day.

    Returns
    -------
    excess, fall, unexplained : (n,) float64
        Largest and smallest excess of any step, and the largest of those without an explanation; null without one.
    leaps, leapt, risen : (n,) float64
        Number and sum of the unexplained excesses above `least`; sum of all growth.
    place : (n,) int64
        The reading at the end of the largest unexplained step; -1 without.
    """
    shape = len(start)
    excess, fall, unexplained = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    leaps, leapt, risen, place = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.full(shape, -1, np.int64)
    for i in range(shape):
        post, strong = post_start[i], np.iinfo(np.int64).min
        for k in range(start[i], stop[i]):
            event = row[k]
            if np.isnan(growth[event]) or before[event] - patience < since[i]:
                continue
            while post < post_stop[i] and post_at[post_row[post]] <= at[event]:
                if strength[post_row[post]] >= bar[i]:
                    strong = post_at[post_row[post]]
                post += 1
            more = growth[event] - usual[i] * (at[event] - before[event]) / MICROSECONDS
            risen[i] += max(growth[event], 0.0)
            if not more <= excess[i]:
                excess[i] = more
            if not more >= fall[i]:
                fall[i] = more
            if strong >= before[event] - patience:
                continue
            if not more <= unexplained[i]:
                unexplained[i] = more
                place[i] = event
            if more > least:
                leaps[i] += 1
                leapt[i] += more
    return excess, fall, unexplained, leaps, leapt, risen, place


@compiled
def soon_after(at, row, start, stop, keep, post_at, post_row, post_start, post_stop, within):
    """Count the kept events that have a post before them, and those of them at most `within` after the last one."""
    followed, soon = np.zeros(len(start)), np.zeros(len(start))
    for i in range(len(start)):
        post = post_start[i]
        for k in range(start[i], stop[i]):
            event = row[k]
            while post < post_stop[i] and post_at[post_row[post]] <= at[event]:
                post += 1
            if keep[event] and post > post_start[i]:
                followed[i] += 1
                soon[i] += at[event] - post_at[post_row[post - 1]] <= within
    return followed, soon


@compiled
def benford_excess(row, start, stop, digit, law, fewest):
    """Return the mean absolute deviation of first digits from a law, less what it averages where the law holds.

    `digit` holds 0 to 8 for the digits 1 to 9, and others for what has none; null for fewer than `fewest` digits.
    """
    result = np.full(len(start), np.nan)
    chance = np.sqrt(2 / np.pi * law * (1 - law)).mean()
    counts = np.empty(len(law))
    for i in range(len(start)):
        counts[:] = 0
        for k in range(start[i], stop[i]):
            place = digit[row[k]]
            if 0 <= place < len(law):
                counts[place] += 1
        size = counts.sum()
        if size >= fewest:
            result[i] = np.abs(counts / size - law).mean() - chance / np.sqrt(size)
    return result


@compiled
def log_odds(signs, mean, deviation, weight, level, farthest):
    """Add up what (signs, n) signs say, each at most `farthest` deviations from its mean; null where none is known."""
    result = np.full(signs.shape[1], np.nan)
    for i in range(signs.shape[1]):
        odds, known = level, False
        for j in range(len(signs)):
            if not np.isnan(signs[j, i]):
                odds += weight[j] * min(max((signs[j, i] - mean[j]) / deviation[j], -farthest), farthest)
                known = True
        if known:
            result[i] = odds
    return result


@compiled
def labelled(share, low, high, normal):
    """Return how many followers, labelled without error, would leave an interval as wide; 0 without a sample.

    Wilson's ends e of a share s from n followers satisfy n * (s - e)**2 = normal**2 * e * (1 - e). It is read from the
    end towards one half: the other may be cut off at 0 or 1.
    """
    end = high if share <= 0.5 else low
    if share == end or np.isnan(share):
        return 0.0
    return normal**2 * end * (1 - end) / (share - end) ** 2


@compiled
def combined(share, low, high, expected, followers, normal):
    """Combine shares told by a sample with expected ones that count as so many followers: share, low, high, (3, n).

    See `features.authenticity.fake_audience.fake_audience`.
    """
    result = np.full((3, len(share)), np.nan)
    for i in range(len(share)):
        counted, foretold = labelled(share[i], low[i], high[i], normal), 0.0 if np.isnan(expected[i]) else followers
        total = counted + foretold
        if total == 0:
            continue
        middle = ((counted * share[i] if counted else 0.0) + (foretold * expected[i] if foretold else 0.0)) / total
        scale = normal**2 / total
        half = np.sqrt(scale * middle * (1 - middle) + scale**2 / 4)
        result[0, i] = middle
        result[1, i] = max((middle + scale / 2 - half) / (1 + scale), 0.0)
        result[2, i] = min((middle + scale / 2 + half) / (1 + scale), 1.0)
    return result
