"""Compiled features of pairs: several selections and reductions in one call.

One pair is what a request is mostly about, and for one pair the calls cost more than the work. The conventions of
`features.kernels` hold here.
"""

from __future__ import annotations

import numpy as np

from features import fit_kernels, kernels, stretch_kernels
from features.kernels import MICROSECONDS, compiled

_mean, _total, _measured = kernels.mean, kernels.total, kernels.measured
_deviation, _outermost = kernels.deviation, kernels.outermost
_keep_equal, _listed = stretch_kernels.keep_equal, fit_kernels.listed


@compiled
def _sizes(bounds):
    """Count the events of each stretch."""
    result = np.empty(len(bounds) - 1)
    for i in range(len(result)):
        result[i] = bounds[i + 1] - bounds[i]
    return result


@compiled
def _share(part, whole):
    """Divide; null where the lower one is 0, or either is null."""
    return part / whole if whole != 0 else np.nan


@compiled
def _age(at, event, moment):
    """Return the days since an event; null below 0, which stands for none."""
    return (moment - at[event]) / MICROSECONDS if event >= 0 else np.nan


@compiled
def posts(
    at,
    row,
    start,
    stop,
    moment,
    engagements,
    list_start,
    list_size,
    words,
    sponsor,
    sponsored,
    labelled,
    squares,
    usual,
    owner,
    offsets,
    wanted,
    brand,
    vertical,
    topics_first,
    topics_offsets,
    topics,
    topics_since,
    topics_sieve,
    brands_offsets,
    brands,
    brands_since,
    brands_sieve,
):
    """Compare posts with what is asked for, and with what is usual in the pair's vertical, in one go.

    `labelled`, `squares` and `usual` say of each pair's account in how many posts it names topics, the sum of the
    squared numbers of posts by topic, and the mean engagements of a post.

    Returns
    -------
    (9, pairs) float64
        Of the posts with topics, the share that is on a topic asked for; the cosine of both; the mean engagements of
        that share against all; the days since the last of it; the share on a topic of the vertical; the sponsored
        posts of the brand, and the days since the last; the same for its rivals.
    """
    result = np.empty((9, len(start)))
    for i in range(len(start)):
        now, mine, group = moment[i], brand[i], vertical[i]
        low, high = offsets[owner[i]], offsets[owner[i] + 1]
        topics_low, topics_high = topics_offsets[group], topics_offsets[group + 1]
        brands_low, brands_high = brands_offsets[group], brands_offsets[group + 1]
        topics_flags, brands_flags = topics_sieve[group], brands_sieve[group]
        asked_for, of_vertical, shared, own, rivals = 0, 0, 0, 0, 0
        total, measured = 0.0, 0
        last, last_own, last_rival = -1, -1, -1
        for k in range(start[i], stop[i]):
            event = row[k]
            found, before = False, shared
            for j in range(list_start[event], list_start[event] + list_size[event]):
                word = words[j]
                # Calls are dear, and most words are let through by no sieve.
                if topics_flags[word & 4095] and not found:
                    found = _listed(word, now, topics_low, topics_high, topics, topics_since)
                for place in range(low, high):
                    shared += word == wanted[place]
            of_vertical += found
            if shared > before:
                asked_for += 1
                last = event
                if not np.isnan(engagements[event]):
                    total += engagements[event]
                    measured += 1
            if sponsored[event]:
                if sponsor[event] == mine:
                    own += 1
                    last_own = event
                elif brands_flags[sponsor[event] & 4095] and _listed(
                    sponsor[event], now, brands_low, brands_high, brands, brands_since
                ):
                    rivals += 1
                    last_rival = event
        result[0, i] = _share(asked_for, labelled[i]) if low < high else np.nan
        cosine = _share(shared, np.sqrt(squares[i] * (high - low)))
        result[1, i] = min(cosine, 1.0)
        result[2, i] = _share(_share(total, measured), usual[i])
        result[3, i] = _age(at, last, now)
        result[4, i] = _share(of_vertical, labelled[i]) if topics_first[group] <= now else np.nan
        result[5, i], result[6, i] = own, _age(at, last_own, now)
        result[7, i], result[8, i] = rivals, _age(at, last_rival, now)
    return result


@compiled
def named(row, start, stop, moment, list_start, list_size, words, name, vertical, offsets, keys, since, sieve):
    """Count the captions that name the brand, and those that name another brand of the pair's vertical, (2, pairs)."""
    result = np.zeros((2, len(start)))
    for i in range(len(start)):
        now, mine, group = moment[i], name[i], vertical[i]
        low, high = offsets[group], offsets[group + 1]
        flags = sieve[group]
        for k in range(start[i], stop[i]):
            event = row[k]
            own, rival = False, False
            for j in range(list_start[event], list_start[event] + list_size[event]):
                word = words[j]
                if word == mine:
                    own = True
                elif flags[word & 4095] and not rival:
                    rival = _listed(word, now, low, high, keys, since)
            result[0, i] += own
            result[1, i] += rival
    return result


@compiled
def records(
    row, start, stop, goal, vertical, brand, own_goal, own_vertical, own_brand, actions, log_actions, surprise, newest
):
    """Reduce the outcomes with the pair's goal, vertical and brand.

    Returns
    -------
    same_goal : (5, pairs) float64
        Their number and mean actions; mean, deviation and last of the log actions of the `newest` of them, and of all.
    surprises : (3, 2, pairs) float64
        Of the same goal, the same vertical, the same brand: sum of the surprises, and how many are known.
    """
    everything = np.empty(0, np.bool_)
    same_goal, surprises = np.empty((5, len(start))), np.empty((3, 2, len(start)))
    for place in range(3):
        if place == 0:
            same, bounds = _keep_equal(row, start, stop, own_goal, goal)
            first, last = bounds[:-1], bounds[1:]
            recent = np.maximum(first, last - newest)
            same_goal[0] = _sizes(bounds)
            same_goal[1] = _mean(same, first, last, actions, everything)
            same_goal[2] = _mean(same, recent, last, log_actions, everything)
            same_goal[3] = _deviation(same, recent, last, log_actions, everything)
            same_goal[4] = _outermost(same, first, last, log_actions, everything, True)  # noqa: FBT003
        elif place == 1:
            same, bounds = _keep_equal(row, start, stop, own_vertical, vertical)
        else:
            same, bounds = _keep_equal(row, start, stop, own_brand, brand)
        surprises[place, 0] = _total(same, bounds[:-1], bounds[1:], surprise, everything)
        surprises[place, 1] = _measured(same, bounds[:-1], bounds[1:], surprise, everything)
    return same_goal, surprises


@compiled
def best_authority(account, offsets, wanted, campaign, topics, accounts, keys, authority):
    """Return the highest authority of each account on a topic that its campaign asks for; null without such a topic.

    `topics` are the communities, ascending; keys, ascending, are the number of a topic times `accounts` plus the
    account that has the authority beside it. Who is not listed has none: 0.
    """
    result = np.full(len(account), np.nan)
    for i in range(len(account)):
        for word in wanted[offsets[campaign[i]] : offsets[campaign[i] + 1]]:
            number = np.searchsorted(topics, word)
            if number == len(topics) or topics[number] != word:
                continue
            key = number * accounts + account[i]
            place = np.searchsorted(keys, key)
            found = authority[place] if place < len(keys) and keys[place] == key else 0.0
            if not result[i] >= found:
                result[i] = found
    return result
