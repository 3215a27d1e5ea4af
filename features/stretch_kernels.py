"""Compiled search and selection: which events lie in a pair's stretch.

The conventions of `features.kernels` hold here.
"""

from __future__ import annotations

import numpy as np

from features.kernels import compiled


@compiled
def search(at, offsets, owner, moment, before):
    """Return the position behind each owner's last event at or up to `before` microseconds before the moment.

    A binary search inside the owner's events, which are those from offsets[owner] to offsets[owner + 1].
    """
    result = np.empty(len(owner), np.int64)
    for i in range(len(owner)):
        left, right, latest = offsets[owner[i]], offsets[owner[i] + 1], moment[i] - before
        while left < right:
            middle = (left + right) >> 1
            if at[middle] <= latest:
                left = middle + 1
            else:
                right = middle
        result[i] = left
    return result


@compiled
def last_before(values, offsets, owner, stop):
    """Return the value of each owner's last event before a position; null where it has none."""
    result = np.full(len(owner), np.nan)
    for i in range(len(owner)):
        if stop[i] > offsets[owner[i]]:
            result[i] = values[stop[i] - 1]
    return result


@compiled
def later(at, row, start, stop, moment, before):
    """Return the first place in each stretch whose event is less than `before` microseconds before the moment."""
    result = np.empty(len(start), np.int64)
    for i in range(len(start)):
        left, right, latest = start[i], stop[i], moment[i] - before
        while left < right:
            middle = (left + right) >> 1
            if at[row[middle]] <= latest:
                left = middle + 1
            else:
                right = middle
        result[i] = left
    return result


@compiled
def expand(row, start, stop):
    """Return the rows of all stretches behind each other, the pair of each, and where each pair's begin and end."""
    bounds = np.zeros(len(start) + 1, np.int64)
    for i in range(len(start)):
        bounds[i + 1] = bounds[i] + stop[i] - start[i]
    rows, pair = np.empty(bounds[-1], np.int64), np.empty(bounds[-1], np.int64)
    for i in range(len(start)):
        shift = bounds[i] - start[i]
        for k in range(start[i], stop[i]):
            rows[k + shift] = row[k]
            pair[k + shift] = i
    return rows, pair, bounds


@compiled
def _span(start, stop):
    result = 0
    for i in range(len(start)):
        result += stop[i] - start[i]
    return result


@compiled
def _kept(row, start, stop, keep):
    """Return the rows to keep, and the bounds of each pair's; `keep` has an entry per place, stretch after stretch."""
    bounds = np.zeros(len(start) + 1, np.int64)
    place = 0
    for i in range(len(start)):
        found = 0
        for _ in range(start[i], stop[i]):
            found += keep[place]
            place += 1
        bounds[i + 1] = bounds[i] + found
    rows = np.empty(bounds[-1], np.int64)
    place, filled = 0, 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            if keep[place]:
                rows[filled] = row[k]
                filled += 1
            place += 1
    return rows, bounds


@compiled
def keep_flagged(row, start, stop, flags):
    """Return the rows whose event is flagged, and the bounds of each pair's."""
    keep = np.empty(_span(start, stop), np.bool_)
    place = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            keep[place] = flags[row[k]]
            place += 1
    return _kept(row, start, stop, keep)


@compiled
def keep_equal(row, start, stop, codes, wanted):
    """Return the rows whose event has the code that the pair wants, and the bounds of each pair's."""
    keep = np.empty(_span(start, stop), np.bool_)
    place = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            keep[place] = codes[row[k]] == wanted[i]
            place += 1
    return _kept(row, start, stop, keep)


@compiled
def keep_between(row, start, stop, since, until, moment):
    """Return the rows of which the pair's moment lies in since <= moment < until, and the bounds of each pair's."""
    keep = np.empty(_span(start, stop), np.bool_)
    place = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            keep[place] = since[row[k]] <= moment[i] < until[row[k]]
            place += 1
    return _kept(row, start, stop, keep)
