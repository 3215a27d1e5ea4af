"""Compiled reductions over stretches of events: per pair one pass, in the order of time.

Every reduction takes `row` (positions of events), and `start` and `stop` (where in `row` each pair's stretch lies).
`values` and `keep` have one entry per event; an empty `keep` keeps everything. Sums run in the order of the stretch, so
that a pair's bits depend on nothing but its own events. The functions release Python's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

MICROSECONDS = 86_400_000_000.0


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function with numba, kept for the next process where there is a place to write to."""
    try:
        return numba.njit(function, nogil=True, cache=True)
    except RuntimeError:
        # Neither the package's folder nor the home folder can be written to: compiled anew in every process.
        return numba.njit(function, nogil=True)


def _elementwise(function: Callable[..., Any]) -> Any:
    """Compile a function of two numbers as numpy's own are: for arrays of any shapes that go together."""
    signature = ["float64(float64, float64)"]
    try:
        made = numba.vectorize(signature, cache=True)(function)
    except RuntimeError:
        made = numba.vectorize(signature)(function)
    # numpy's object without numba's around it, which asks each time whether another type is to be compiled.
    return made.ufunc


@_elementwise
def divide(top, bottom):
    """Divide element by element; null where the lower one is 0, or either is null."""
    # Not "null else the quotient": the processor would divide by 0 first, and numpy warn of it.
    return top / (bottom if bottom != 0 else np.nan)


@compiled
def log_positive(values):
    """Return the natural logarithm of each value; null where it is 0, negative or null."""
    result = np.full(len(values), np.nan)
    for i in range(len(values)):
        if values[i] > 0:
            result[i] = np.log(values[i])
    return result


@compiled
def gathered(values, rows, columns):
    """Return some columns of some rows of a matrix, (columns, rows)."""
    result = np.empty((len(columns), len(rows)))
    # Some rows at a time: what is read and written of them stays in the processor's cache.
    for start in range(0, len(rows), 64):
        for i in range(len(columns)):
            for j in range(start, min(start + 64, len(rows))):
                result[i, j] = values[rows[j], columns[i]]
    return result


@compiled
def count(row, start, stop, flags, keep):
    """Count the events that are flagged and kept."""
    result = np.empty(len(start))
    for i in range(len(start)):
        found = 0
        for k in range(start[i], stop[i]):
            found += flags[row[k]] and (len(keep) == 0 or keep[row[k]])
        result[i] = found
    return result


@compiled
def share(row, start, stop, flags, keep):
    """Return the share of the kept events that are flagged; null where none is kept."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        found, kept = 0, 0
        for k in range(start[i], stop[i]):
            if len(keep) == 0 or keep[row[k]]:
                kept += 1
                found += flags[row[k]]
        if kept:
            result[i] = found / kept
    return result


@compiled
def measured(row, start, stop, values, keep):
    """Count the measured values."""
    result = np.zeros(len(start))
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            result[i] += (len(keep) == 0 or keep[event]) and not np.isnan(values[event])
    return result


@compiled
def total(row, start, stop, values, keep):
    """Return the sum of the measured values; null where there is none."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        added, size = 0.0, 0
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                added += values[event]
                size += 1
        if size:
            result[i] = added
    return result


@compiled
def mean(row, start, stop, values, keep):
    """Return the mean of the measured values; null where there is none."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        added, size = 0.0, 0
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                added += values[event]
                size += 1
        if size:
            result[i] = added / size
    return result


@compiled
def ratio(row, start, stop, top, bottom, keep):
    """Divide the sums of two values over the events on which both are measured; null where the lower one is 0."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        tops, bottoms = 0.0, 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            if len(keep) and not keep[event]:
                continue
            if not (np.isnan(top[event]) or np.isnan(bottom[event])):
                tops += top[event]
                bottoms += bottom[event]
        if bottoms != 0:
            result[i] = tops / bottoms
    return result


@compiled
def deviation(row, start, stop, values, keep):
    """Return the population standard deviation of the measured values; null for fewer than two."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        size, level = 0, 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                size += 1
                level += values[event]
        if size < 2:
            continue
        level /= size
        spread = 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                spread += (values[event] - level) ** 2
        result[i] = np.sqrt(spread / size)
    return result


@compiled
def decayed(at, row, start, stop, values, moment, half_life):
    """Return the sum of the measured values, each halved for every `half_life` days of age; null without one."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        added, size = 0.0, 0
        for k in range(start[i], stop[i]):
            value = values[row[k]]
            if not np.isnan(value):
                age = (moment[i] - at[row[k]]) / MICROSECONDS
                added += value * 2.0 ** (-age / half_life)
                size += 1
        if size:
            result[i] = added
    return result


@compiled
def _place(values, place):
    """Bring the value that a sorted list has at a place there, none larger before it (quickselect, Hoare 1961)."""
    low, high = 0, len(values) - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if place <= right:
            high = right
        elif place >= left:
            low = left
        else:
            return


@compiled
def quantiles(row, start, stop, values, keep, shares):
    """Return quantiles of the measured values, (shares, pairs), interpolated (Hyndman and Fan 1996, type 7)."""
    result = np.full((len(shares), len(start)), np.nan)
    longest = 0
    for i in range(len(start)):
        longest = max(longest, stop[i] - start[i])
    buffer = np.empty(longest)
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            event = row[k]
            if len(keep) and not keep[event]:
                continue
            if not np.isnan(values[event]):
                buffer[size] = values[event]
                size += 1
        if size:
            measured = buffer[:size]
            for j in range(len(shares)):
                place = (size - 1) * shares[j]
                low = int(place)
                _place(measured, low)
                above = measured[low]
                if place > low:
                    above = measured[low + 1 :].min()
                # Not a weighted sum of both, which overflows for the largest numbers.
                result[j, i] = measured[low] + (place - low) * (above - measured[low])
    return result


@compiled
def extreme(row, start, stop, values, keep, sign):
    """Return the largest measured value, or for sign -1 the smallest."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            if len(keep) and not keep[event]:
                continue
            value = values[event]
            if not np.isnan(value) and not sign * result[i] >= sign * value:
                result[i] = value
    return result


@compiled
def outermost(row, start, stop, values, keep, newest):
    """Return the newest measured value, or the oldest."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        for place in range(stop[i] - start[i]):
            event = row[stop[i] - 1 - place] if newest else row[start[i] + place]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                result[i] = values[event]
                break
    return result


@compiled
def days_since_last(at, row, start, stop, moment, keep):
    """Return the days from the newest event that is kept to the pair's moment; null where there is none."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        for k in range(stop[i] - 1, start[i] - 1, -1):
            if len(keep) == 0 or keep[row[k]]:
                result[i] = (moment[i] - at[row[k]]) / MICROSECONDS
                break
    return result


@compiled
def slope(at, row, start, stop, values, keep):
    """Return the least-squares slope of the measured values per day; null below three, or at one moment."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        size, days, level = 0, 0.0, 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                size += 1
                days += (at[event] - at[row[start[i]]]) / MICROSECONDS
                level += values[event]
        if size < 3:
            continue
        days, level = days / size, level / size
        along, across = 0.0, 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                distance = (at[event] - at[row[start[i]]]) / MICROSECONDS - days
                along += distance * distance
                across += distance * (values[event] - level)
        # Moments that are one but for rounding have no slope.
        if along > 1e-9:
            result[i] = across / along
    return result


@compiled
def gaps(at, row, start, stop):
    """Return the mean and the population standard deviation of the days between neighbouring events."""
    means, deviations = np.full(len(start), np.nan), np.full(len(start), np.nan)
    for i in range(len(start)):
        size = stop[i] - start[i] - 1
        if size < 1:
            continue
        means[i] = (at[row[stop[i] - 1]] - at[row[start[i]]]) / MICROSECONDS / size
        if size < 2:
            continue
        spread = 0.0
        for k in range(start[i] + 1, stop[i]):
            spread += ((at[row[k]] - at[row[k - 1]]) / MICROSECONDS - means[i]) ** 2
        deviations[i] = np.sqrt(spread / size)
    return means, deviations


@compiled
def distinct(row, start, stop, codes, keep):
    """Return, of the codes in each stretch: how many, how many more than once, sum of squared counts, largest count."""
    number, again = np.zeros(len(start)), np.zeros(len(start))
    squared, top = np.zeros(len(start)), np.zeros(len(start))
    longest = 0
    for i in range(len(start)):
        longest = max(longest, stop[i] - start[i])
    buffer = np.empty(longest, np.int64)
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            if len(keep) == 0 or keep[row[k]]:
                buffer[size] = codes[row[k]]
                size += 1
        ordered = buffer[:size]
        ordered.sort()
        run = 0
        for k in range(size):
            run += 1
            if k + 1 == size or ordered[k + 1] != ordered[k]:
                number[i] += 1
                again[i] += run > 1
                squared[i] += float(run) * run
                top[i] = max(top[i], run)
                run = 0
    return number, again, squared, top


@compiled
def word_concentration(row, start, stop, list_start, list_size, words):
    """Return how probably two words drawn out of the lists of the events are the same; null below two words."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            size += list_size[row[k]]
        if size < 2:
            continue
        ordered = np.empty(size, np.int64)
        place = 0
        for k in range(start[i], stop[i]):
            event = row[k]
            for word in words[list_start[event] : list_start[event] + list_size[event]]:
                ordered[place] = word
                place += 1
        ordered.sort()
        run, alike = 0, 0.0
        for k in range(size):
            run += 1
            if k + 1 == size or ordered[k + 1] != ordered[k]:
                alike += float(run) * (run - 1)
                run = 0
        result[i] = alike / (float(size) * (size - 1))
    return result


@compiled
def count_faithful(row, start, stop, who, what, keep, least):
    """Count the kept events of those codes `who` that stand beside at least so many different codes `what`."""
    result = np.zeros(len(start))
    longest = 0
    for i in range(len(start)):
        longest = max(longest, stop[i] - start[i])
    people, things = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            if keep[row[k]]:
                people[size] = who[row[k]]
                things[size] = what[row[k]]
                size += 1
        order = np.argsort(people[:size])
        begin = 0
        while begin < size:
            end = begin
            while end < size and people[order[end]] == people[order[begin]]:
                end += 1
            if end - begin >= least:
                mine = things[order[begin:end]]
                mine.sort()
                different = 1
                for k in range(1, end - begin):
                    different += mine[k] != mine[k - 1]
                if different >= least:
                    result[i] += end - begin
            begin = end
    return result


@compiled
def tally(row, start, stop, values):
    """Return number, sum and sum of squares of the measured values."""
    counts, sums, squared = np.zeros(len(start)), np.zeros(len(start)), np.zeros(len(start))
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            value = values[row[k]]
            if not np.isnan(value):
                counts[i] += 1
                sums[i] += value
                squared[i] += value * value
    return counts, sums, squared
