"""Compiled reductions over stretches of events: per pair one pass, in the order of time.

Every function takes `row` (positions of events), and `start` and `stop` (where in `row` each pair's stretch lies).
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


@compiled
def _span(start, stop):
    result = 0
    for i in range(len(start)):
        result += stop[i] - start[i]
    return result


@compiled
def quotient(top, bottom):
    """Divide element by element; null where the lower one is 0, or either is null."""
    result = np.full(len(top), np.nan)
    for i in range(len(top)):
        if bottom[i] != 0:
            result[i] = top[i] / bottom[i]
    return result


@compiled
def search(at, low, high, moment):
    """Return for each entry the position in at[low:high] behind the last one that is not after its moment."""
    result = np.empty(len(low), np.int64)
    for i in range(len(low)):
        left, right = low[i], high[i]
        while left < right:
            middle = (left + right) >> 1
            if at[middle] <= moment[i]:
                left = middle + 1
            else:
                right = middle
        result[i] = left
    return result


@compiled
def later(at, row, start, stop, moment):
    """Return for each pair the first place in its stretch whose event is after the moment."""
    result = np.empty(len(start), np.int64)
    for i in range(len(start)):
        left, right = start[i], stop[i]
        while left < right:
            middle = (left + right) >> 1
            if at[row[middle]] <= moment[i]:
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
def keep_flagged(row, start, stop, keep):
    """Return the rows whose event is kept, and the bounds of each pair's."""
    bounds = np.zeros(len(start) + 1, np.int64)
    for i in range(len(start)):
        found = 0
        for k in range(start[i], stop[i]):
            found += keep[row[k]]
        bounds[i + 1] = bounds[i] + found
    rows = np.empty(bounds[-1], np.int64)
    place = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            if keep[row[k]]:
                rows[place] = row[k]
                place += 1
    return rows, bounds


@compiled
def keep_equal(row, start, stop, codes, wanted):
    """Return the rows whose event has the code that the pair wants, and the bounds of each pair's."""
    bounds = np.zeros(len(start) + 1, np.int64)
    for i in range(len(start)):
        found = 0
        for k in range(start[i], stop[i]):
            found += codes[row[k]] == wanted[i]
        bounds[i + 1] = bounds[i] + found
    rows = np.empty(bounds[-1], np.int64)
    place = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            if codes[row[k]] == wanted[i]:
                rows[place] = row[k]
                place += 1
    return rows, bounds


@compiled
def keep_sharing(row, start, stop, list_start, list_size, words, owner, offsets, wanted):
    """Return the rows whose event has a word in its list that is in the list of the pair's owner, and their bounds.

    An event's list is words[list_start:list_start + list_size], an owner's wanted[offsets[owner]:offsets[owner + 1]].
    """
    shares = np.zeros(_span(start, stop), np.bool_)
    bounds = np.zeros(len(start) + 1, np.int64)
    place = 0
    for i in range(len(start)):
        found = 0
        for k in range(start[i], stop[i]):
            event = row[k]
            for word in words[list_start[event] : list_start[event] + list_size[event]]:
                for other in wanted[offsets[owner[i]] : offsets[owner[i] + 1]]:
                    if word == other:
                        shares[place] = True
            found += shares[place]
            place += 1
        bounds[i + 1] = bounds[i] + found
    rows = np.empty(bounds[-1], np.int64)
    place, filled = 0, 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            if shares[place]:
                rows[filled] = row[k]
                filled += 1
            place += 1
    return rows, bounds


@compiled
def keep_between(row, start, stop, since, until, moment):
    """Return the rows of which the pair's moment lies in since <= moment < until, and the bounds of each pair's."""
    bounds = np.zeros(len(start) + 1, np.int64)
    for i in range(len(start)):
        found = 0
        for k in range(start[i], stop[i]):
            found += since[row[k]] <= moment[i] < until[row[k]]
        bounds[i + 1] = bounds[i] + found
    rows = np.empty(bounds[-1], np.int64)
    place = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            if since[row[k]] <= moment[i] < until[row[k]]:
                rows[place] = row[k]
                place += 1
    return rows, bounds


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
def last_kept(row, start, stop, keep):
    """Return the newest event that is kept; -1 where there is none."""
    result = np.full(len(start), -1, np.int64)
    for i in range(len(start)):
        for k in range(stop[i] - 1, start[i] - 1, -1):
            if len(keep) == 0 or keep[row[k]]:
                result[i] = row[k]
                break
    return result


@compiled
def total(row, start, stop, values, keep):
    """Return the sum of the measured values, and their number."""
    sums, counts = np.zeros(len(start)), np.zeros(len(start))
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            if len(keep) and not keep[event]:
                continue
            value = values[event]
            if not np.isnan(value):
                sums[i] += value
                counts[i] += 1
    return sums, counts


@compiled
def total_of_both(row, start, stop, top, bottom, keep):
    """Return the sums of two values over the events on which both are measured."""
    tops, bottoms = np.zeros(len(start)), np.zeros(len(start))
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            if len(keep) and not keep[event]:
                continue
            if not (np.isnan(top[event]) or np.isnan(bottom[event])):
                tops[i] += top[event]
                bottoms[i] += bottom[event]
    return tops, bottoms


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
    """Return the sum of the measured values, each halved for every `half_life` days of age, and their number."""
    sums, counts = np.zeros(len(start)), np.zeros(len(start))
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            value = values[row[k]]
            if not np.isnan(value):
                age = (moment[i] - at[row[k]]) / MICROSECONDS
                sums[i] += value * 2.0 ** (-age / half_life)
                counts[i] += 1
    return sums, counts


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
def newest(row, start, stop, values, keep):
    """Return the last measured value."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        for k in range(stop[i] - 1, start[i] - 1, -1):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                result[i] = values[event]
                break
    return result


@compiled
def oldest(row, start, stop, values, keep):
    """Return the first measured value."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            if (len(keep) == 0 or keep[event]) and not np.isnan(values[event]):
                result[i] = values[event]
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
def look_up(codes, owner, offsets, keys, values):
    """Return for each code the value that stands beside it among its owner's keys; null where it is not there."""
    result = np.full(len(codes), np.nan)
    for i in range(len(codes)):
        for j in range(offsets[owner[i]], offsets[owner[i] + 1]):
            if keys[j] == codes[i]:
                result[i] = values[j]
                break
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


@compiled
def histogram(row, start, stop, bins, size):
    """Count per pair how many events lie in each of the bins 0 to size - 1; others are left out: (pairs, size)."""
    counts = np.zeros((len(start), size))
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            place = bins[row[k]]
            if 0 <= place < size:
                counts[i, place] += 1
    return counts


@compiled
def along(start, stop, knots, heights, place):
    """Read for each pair its curve, straight between its knots[start:stop] (ascending), level outside; null without."""
    result = np.full(len(start), np.nan)
    for i in range(len(start)):
        if start[i] == stop[i] or np.isnan(place[i]):
            continue
        left, right = start[i], stop[i]
        while left < right:
            middle = (left + right) >> 1
            if knots[middle] <= place[i]:
                left = middle + 1
            else:
                right = middle
        if left == start[i]:
            result[i] = heights[left]
        elif left == stop[i]:
            result[i] = heights[left - 1]
        else:
            part = (place[i] - knots[left - 1]) / (knots[left] - knots[left - 1])
            result[i] = heights[left - 1] + part * (heights[left] - heights[left - 1])
    return result


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
def neighbourhood(values, reach):
    """Return median and median absolute deviation of each value and the `reach` before and behind it in the list."""
    level, deviation = np.empty(len(values)), np.empty(len(values))
    for i in range(len(values)):
        near = values[max(i - reach, 0) : i + reach + 1].copy()
        level[i] = np.median(near)
        deviation[i] = np.median(np.abs(near - level[i]))
    return level, deviation


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
