"""Compiled comparisons with briefs: audiences with those that are wanted, words with those that are asked for.

The conventions of `features.kernels` hold here. Words are lists of codes: an event's are
words[list_start:list_start + list_size].
"""

from __future__ import annotations

import numpy as np

from features.kernels import compiled


@compiled
def audience_fits(
    row, start, stop, dimension, slices, share, campaign, offsets, wanted_slice, wanted_share, most, total
):
    """Compare audience reports with what campaigns want, by dimension: overlap, divergence, and means over dimensions.

    Shares are counted as they are. `most` flags the slices of which the campaign wants most, `total` holds the sum of
    its shares, (6, campaigns), null where it names none.

    Returns
    -------
    overlap, divergence : (6, pairs) float64
        Null where the report or the campaign lacks the dimension.
    means : (3, pairs) float64
        Over the dimensions that both have: the geometric mean of the overlaps, each at least 0.01, the mean divergence,
        and the mean reported share of the slice wanted most, of several the largest.
    """
    overlap, divergence = np.full((6, len(start)), np.nan), np.full((6, len(start)), np.nan)
    means = np.full((3, len(start)), np.nan)
    # Of one pair, by dimension: overlap, divergence of the slices that both have, what both sides hold in those, what
    # is reported, the reported share of the slice wanted most, and how many slices are reported.
    sums = np.empty((6, 6))
    for i in range(len(start)):
        sums[:] = 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            d, mine = dimension[event], share[event]
            if d < 0 or np.isnan(mine):
                continue
            sums[3, d] += mine
            sums[5, d] += 1
            for j in range(offsets[campaign[i]], offsets[campaign[i] + 1]):
                if wanted_slice[j] == slices[event]:
                    wanted = wanted_share[j]
                    middle = (mine + wanted) / 2
                    sums[0, d] += min(mine, wanted)
                    sums[2, d] += mine + wanted
                    # A share of 0 adds nothing of its own: 0 log 0 is 0.
                    if mine > 0:
                        sums[1, d] += mine * np.log(mine / middle)
                    if wanted > 0:
                        sums[1, d] += wanted * np.log(wanted / middle)
                    if most[j]:
                        sums[4, d] = max(sums[4, d], mine)
                    break
        both, logs, apart, top = 0, 0.0, 0.0, 0.0
        for d in range(6):
            if sums[5, d] and not np.isnan(total[d, campaign[i]]):
                # A slice that only one side has lies ln 2 from the middle, for all of its share.
                alone = sums[3, d] + total[d, campaign[i]] - sums[2, d]
                overlap[d, i] = sums[0, d]
                divergence[d, i] = (sums[1, d] + np.log(2.0) * alone) / 2
                both += 1
                # One slice that a report leaves out is no proof of nobody.
                logs += np.log(max(sums[0, d], 0.01))
                apart += divergence[d, i]
                top += sums[4, d]
        if both:
            means[:, i] = np.exp(logs / both), apart / both, top / both
    return overlap, divergence, means


@compiled
def own_shares(own, campaign, offsets, wanted_slice, wanted_share, total):
    """Return the share that each pair's campaign wants of one slice, the pair's own; 0 where it does not name it.

    Null where the pair has none, which is 0, or where `total`, (campaigns,), is null: the dimension is not asked for.
    """
    result = np.full(len(own), np.nan)
    for i in range(len(own)):
        if own[i] == 0 or np.isnan(total[campaign[i]]):
            continue
        result[i] = 0.0
        for j in range(offsets[campaign[i]], offsets[campaign[i] + 1]):
            if wanted_slice[j] == own[i]:
                if not np.isnan(wanted_share[j]):
                    result[i] = wanted_share[j]
                break
    return result


@compiled
def _longest(row, start, stop, list_size):
    """Return how many words an event has at most."""
    longest = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            longest = max(longest, list_size[row[k]])
    return longest


@compiled
def _sorted(words, first, size, buffer):
    """Put words[first:first + size] into a buffer in order."""
    if size > 40:
        buffer[:size] = np.sort(words[first : first + size])
        return
    for j in range(size):
        word, place = words[first + j], j
        while place and buffer[place - 1] > word:
            buffer[place] = buffer[place - 1]
            place -= 1
        buffer[place] = word


@compiled
def different(row, start, stop, list_start, list_size, words):
    """Return the different words of each event, one event behind the other."""
    size = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            size += list_size[row[k]]
    result = np.empty(size, np.int64)
    buffer = np.empty(_longest(row, start, stop, list_size), np.int64)
    filled = 0
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            _sorted(words, list_start[event], list_size[event], buffer)
            for j in range(list_size[event]):
                if j == 0 or buffer[j] != buffer[j - 1]:
                    result[filled] = buffer[j]
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
def places(keys, wanted):
    """Return where each of some keys stands among all, ascending; -1 where it does not."""
    result = np.empty(len(wanted), np.int64)
    for i in range(len(wanted)):
        result[i] = _find(keys, 0, len(keys), wanted[i])
    return result


@compiled
def listed(word, moment, low, high, keys, since):
    """Say whether a word is among keys[low:high], ascending, each of which counts `since` a moment."""
    place = _find(keys, low, high, word)
    return place >= 0 and since[place] <= moment


@compiled
def keep_listed(row, start, stop, list_start, list_size, words, group, offsets, keys, since, moment):
    """Return the rows of events with a word that their pair's group lists by the pair's moment, and their bounds.

    A group lists keys[offsets[group]:offsets[group + 1]], each from `since` on; a group below 0 lists none.
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
                    if listed(words[j], moment[i], low, high, keys, since):
                        rows[filled] = event
                        filled += 1
                        break
        bounds[i + 1] = filled
    return rows[:filled].copy(), bounds


@compiled
def list_squares(row, start, stop, list_start, list_size, words):
    """Return the sum of the squared numbers of times that each word stands in the lists of a stretch."""
    result = np.zeros(len(start))
    longest = 0
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            size += list_size[row[k]]
        longest = max(longest, size)
    buffer = np.empty(longest, np.int64)
    for i in range(len(start)):
        size = 0
        for k in range(start[i], stop[i]):
            event = row[k]
            for j in range(list_start[event], list_start[event] + list_size[event]):
                buffer[size] = words[j]
                size += 1
        ordered = buffer[:size]
        ordered.sort()
        run = 0
        for j in range(size):
            run += 1
            if j + 1 == size or ordered[j + 1] != ordered[j]:
                result[i] += float(run) * run
                run = 0
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
def text_lengths(row, start, stop, list_start, list_size, words, places, codes, weights):
    """Return the squared length of the words of each event of the stretches, by event; others hold no number.

    Words count as often as they stand there times their weight in a vocabulary (`Vocabulary`).
    """
    result = np.empty(len(list_size))
    buffer = np.empty(_longest(row, start, stop, list_size), np.int64)
    for i in range(len(start)):
        for k in range(start[i], stop[i]):
            event = row[k]
            size = list_size[event]
            _sorted(words, list_start[event], size, buffer)
            squares, run = 0.0, 0
            for j in range(size):
                run += 1
                if j + 1 == size or buffer[j + 1] != buffer[j]:
                    mine = run * _weight(places, codes, weights, buffer[j])
                    squares += mine * mine
                    run = 0
            result[event] = squares
    return result


@compiled
def text_cosines(
    row, start, stop, list_start, list_size, words, lengths, owner, offsets, wanted, count, places, codes, weights
):
    """Return mean and maximum of the cosine between the words of a stretch's events and the owner's, (2, pairs).

    `lengths` is what `text_lengths` returns. An owner's different words are wanted[offsets[owner]:offsets[owner + 1]],
    ascending, each standing there `count` times. An event without words is at 0; null where the stretch has no event or
    the owner no word.
    """
    result = np.full((2, len(start)), np.nan)
    longest = 0
    for i in range(len(start)):
        longest = max(longest, offsets[owner[i] + 1] - offsets[owner[i]])
    own, asked, run = np.empty(longest), np.empty(longest), np.zeros(longest, np.int64)
    # Most words of an event are none of the owner's, as their lower bits say: there lies behind which of its words to
    # look, or -1 where several have the same.
    sieve = np.zeros(4096, np.int64)
    length = 0.0
    for i in range(len(start)):
        low, high = offsets[owner[i]], offsets[owner[i] + 1]
        if i == 0 or owner[i] != owner[i - 1]:
            sieve[:] = 0
            length = 0.0
            for j in range(low, high):
                own[j - low] = _weight(places, codes, weights, wanted[j])
                asked[j - low] = count[j] * own[j - low]
                length += asked[j - low] ** 2
                bits = wanted[j] & 4095
                sieve[bits] = -1 if sieve[bits] else j - low + 1
        if start[i] == stop[i] or low == high:
            continue
        total, largest = 0.0, 0.0
        for k in range(start[i], stop[i]):
            event = row[k]
            shared = False
            for j in range(list_start[event], list_start[event] + list_size[event]):
                word = words[j]
                behind = sieve[word & 4095]
                if behind:
                    place = low + behind - 1 if behind > 0 else _find(wanted, low, high, word)
                    if place >= 0 and wanted[place] == word:
                        run[place - low] += 1
                        shared = True
            if not shared:
                continue
            both = 0.0
            for j in range(high - low):
                if run[j]:
                    both += run[j] * own[j] * asked[j]
                    run[j] = 0
            cosine = min(both / np.sqrt(lengths[event] * length), 1.0)
            total += cosine
            largest = max(largest, cosine)
        result[0, i], result[1, i] = total / (stop[i] - start[i]), largest
    return result
