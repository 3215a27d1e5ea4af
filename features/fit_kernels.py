"""Compiled comparisons with briefs: audiences with those that are wanted, words with those that are asked for.

The conventions of `features.kernels` hold here. Words are lists of codes: an event's are
words[list_start:list_start + list_size].
"""

from __future__ import annotations

import numpy as np

from features.kernels import compiled


@compiled
def audience_overlap(row, start, stop, dimension, slices, share, campaign, offsets, wanted_slice, wanted_share, most):
    """Compare reports with what campaigns want, per dimension and pair, (6, pairs) each.

    Overlap; divergence of the slices that both have; reported shares, null where there is no report; shares of both
    sides in the slices that both have; reported share of the slice wanted `most`, of several the largest.
    """
    shape = (6, len(start))
    overlap, divergence, matched, top = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    reported = np.full(shape, np.nan)
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            d, mine = dimension[event], share[event]
            if d < 0 or np.isnan(mine):
                continue
            reported[d, i] = mine if np.isnan(reported[d, i]) else reported[d, i] + mine
            for j in range(offsets[campaign[i]], offsets[campaign[i] + 1]):
                if wanted_slice[j] == slices[event]:
                    wanted = wanted_share[j]
                    middle = (mine + wanted) / 2
                    overlap[d, i] += min(mine, wanted)
                    matched[d, i] += mine + wanted
                    # A share of 0 adds nothing of its own: 0 log 0 is 0.
                    if mine > 0:
                        divergence[d, i] += mine * np.log(mine / middle)
                    if wanted > 0:
                        divergence[d, i] += wanted * np.log(wanted / middle)
                    if most[j]:
                        top[d, i] = max(top[d, i], mine)
                    break
    return overlap, divergence, reported, matched, top


@compiled
def _buffer(row, start, stop, list_size):
    """Return room for the words of any one event."""
    longest = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            longest = max(longest, list_size[row[k]])
    return np.empty(longest, np.int64)


@compiled
def different(row, start, stop, list_start, list_size, words):
    """Return the different words of each event, one event behind the other."""
    size = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            size += list_size[row[k]]
    result = np.empty(size, np.int64)
    buffer = _buffer(row, start, stop, list_size)
    filled = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            ordered = buffer[: list_size[event]]
            ordered[:] = words[list_start[event] : list_start[event] + list_size[event]]
            ordered.sort()
            for j in range(len(ordered)):
                if j == 0 or ordered[j] != ordered[j - 1]:
                    result[filled] = ordered[j]
                    filled += 1
    return result[:filled]


@compiled
def _find(keys, low, high, key):
    """Return where a key stands in keys[low:high], ascending; -1 where it does not."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < end and keys[low] == key else -1


@compiled
def keep_listed(row, start, stop, list_start, list_size, words, group, offsets, keys, since, but, moment):
    """Return the rows of events with a word that their pair's group lists by the pair's moment, and their bounds.

    A group lists keys[offsets[group]:offsets[group + 1]], ascending, each from `since` on; a group below 0 lists none.
    The word `but` of each pair does not count.
    """
    size = 0
    for i in range(len(start)):
        size += stop[i] - start[i]
    rows = np.empty(size, np.int64)
    bounds = np.zeros(len(start) + 1, np.int64)
    filled = 0
    for i in range(len(start)):
        if group[i] >= 0:
            low, high = offsets[group[i]], offsets[group[i] + 1]
            for k in range(start[i], stop[i]):
                event = row[k]
                for j in range(list_start[event], list_start[event] + list_size[event]):
                    place = _find(keys, low, high, words[j])
                    if place >= 0 and since[place] <= moment[i] and words[j] != but[i]:
                        rows[filled] = event
                        filled += 1
                        break
        bounds[i + 1] = filled
    return rows[:filled].copy(), bounds


@compiled
def list_cosine(row, start, stop, list_start, list_size, words, owner, offsets, wanted):
    """Return the cosine between how often each word stands in a stretch and the owner's set of words.

    Null where the stretch or the set has no word. An owner's set is wanted[offsets[owner]:offsets[owner + 1]].
    """
    result = np.full(len(start), np.nan)
    longest = 0
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            size += list_size[row[k]]
        longest = max(longest, size)
    buffer = np.empty(longest, np.int64)
    for i in range(len(start)):
        low, high = offsets[owner[i]], offsets[owner[i] + 1]
        if low == high:
            continue
        size = 0
        for k in range(start[i], stop[i]):
            event = row[k]
            for j in range(list_start[event], list_start[event] + list_size[event]):
                buffer[size] = words[j]
                size += 1
        if size == 0:
            continue
        ordered = buffer[:size]
        ordered.sort()
        squares, both, run = 0.0, 0.0, 0
        for j in range(size):
            run += 1
            if j + 1 == size or ordered[j + 1] != ordered[j]:
                squares += float(run) * run
                for word in wanted[low:high]:
                    if word == ordered[j]:
                        both += run
                run = 0
        result[i] = min(both / np.sqrt(squares * (high - low)), 1.0)
    return result


@compiled
def _weight(places, codes, weights, word):
    """Return a word's weight in a vocabulary; the last one for a word that is not in it."""
    top = (word >> 48) + 32768
    for place in range(places[top], places[top + 1]):
        if codes[place] == word:
            return weights[place]
    return weights[-1]


@compiled
def text_cosines(row, start, stop, list_start, list_size, words, owner, offsets, wanted, count, places, codes, weights):
    """Return mean and maximum, over the events of a stretch, of the cosine between their words and the owner's.

    Words count as often as they stand there times their weight in a vocabulary (`Vocabulary`). An owner's different
    words are wanted[offsets[owner]:offsets[owner + 1]], ascending, each standing there `count` times. An event without
    words is at 0; null where the stretch has no event or the owner no word.
    """
    means, best = np.full(len(start), np.nan), np.full(len(start), np.nan)
    buffer = _buffer(row, start, stop, list_size)
    longest = 0
    for i in range(len(start)):
        longest = max(longest, offsets[owner[i] + 1] - offsets[owner[i]])
    asked = np.empty(longest)
    for i in range(len(start)):
        low, high = offsets[owner[i]], offsets[owner[i] + 1]
        if start[i] == stop[i] or low == high:
            continue
        length = 0.0
        for j in range(low, high):
            asked[j - low] = count[j] * _weight(places, codes, weights, wanted[j])
            length += asked[j - low] ** 2
        total, largest = 0.0, 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            ordered = buffer[: list_size[event]]
            ordered[:] = words[list_start[event] : list_start[event] + list_size[event]]
            ordered.sort()
            squares, both, run = 0.0, 0.0, 0
            for j in range(len(ordered)):
                run += 1
                if j + 1 == len(ordered) or ordered[j + 1] != ordered[j]:
                    mine = run * _weight(places, codes, weights, ordered[j])
                    squares += mine * mine
                    place = _find(wanted, low, high, ordered[j])
                    if place >= 0:
                        both += mine * asked[place - low]
                    run = 0
            if squares > 0:
                cosine = min(both / np.sqrt(squares * length), 1.0)
                total += cosine
                largest = max(largest, cosine)
        means[i] = total / (stop[i] - start[i])
        best[i] = largest
    return means, best
