"""Compiled features of pairs: several selections and reductions in one call.

One pair is what a request is mostly about, and for one pair the calls cost more than the work. The conventions of
`features.kernels` hold here.
"""

from __future__ import annotations

import numpy as np

from features import fit_kernels, kernels, stretch_kernels
from features.kernels import compiled

_count, _mean, _total, _measured = kernels.count, kernels.mean, kernels.total, kernels.measured
_deviation, _outermost, _since_last = kernels.deviation, kernels.outermost, kernels.days_since_last
_keep_equal, _keep_sharing = stretch_kernels.keep_equal, stretch_kernels.keep_sharing
_keep_listed, _list_cosine = fit_kernels.keep_listed, fit_kernels.list_cosine


@compiled
def _sizes(bounds):
    """Count the events of each stretch."""
    result = np.empty(len(bounds) - 1)
    for i in range(len(result)):
        result[i] = bounds[i + 1] - bounds[i]
    return result


@compiled
def topics(
    at,
    row,
    start,
    stop,
    moment,
    labelled,
    engagements,
    list_start,
    list_size,
    words,
    owner,
    offsets,
    wanted,
    vertical,
    listed_offsets,
    listed,
    since,
    sieve,
):
    """Compare the topics of posts with those that are asked for, and with those of the pair's vertical.

    Returns
    -------
    (7, pairs) float64
        Posts with topics, posts on a topic of the vertical, posts on a topic asked for, the cosine of both, the mean
        engagements of posts on a topic asked for and of all, and the days since the last post on a topic asked for.
    """  # fmt: skip
    everything, nothing = np.empty(0, np.bool_), np.zeros(len(start), np.int64)
    result = np.empty((7, len(start)))
    result[0] = _count(row, start, stop, labelled, everything)
    result[1] = _sizes(
        _keep_listed(
            row, start, stop, list_start, list_size, words, vertical, listed_offsets, listed, since, sieve, nothing,
            moment,
        )[1]
    )  # fmt: skip
    on, bounds = _keep_sharing(row, start, stop, list_start, list_size, words, owner, offsets, wanted)
    result[2] = _sizes(bounds)
    result[3] = _list_cosine(row, start, stop, list_start, list_size, words, owner, offsets, wanted)
    result[4] = _mean(on, bounds[:-1], bounds[1:], engagements, everything)
    result[5] = _mean(row, start, stop, engagements, everything)
    result[6] = _since_last(at, on, bounds[:-1], bounds[1:], moment, everything)
    return result


@compiled
def brands(
    at,
    row,
    start,
    stop,
    moment,
    sponsor,
    sponsored,
    sponsor_start,
    sponsor_size,
    brand,
    vertical,
    listed_offsets,
    listed,
    since,
    sieve,
):
    """Count the posts for the brand and for other brands of the pair's vertical.

    Returns
    -------
    (4, pairs) float64
        Sponsored posts of the brand and the days since the last; the same for its rivals.
    """  # fmt: skip
    everything = np.empty(0, np.bool_)
    result = np.empty((4, len(start)))
    own, bounds = _keep_equal(row, start, stop, sponsor, brand)
    result[0] = _count(own, bounds[:-1], bounds[1:], sponsored, everything)
    result[1] = _since_last(at, own, bounds[:-1], bounds[1:], moment, sponsored)
    rival, bounds = _keep_listed(
        row, start, stop, sponsor_start, sponsor_size, sponsor, vertical, listed_offsets, listed, since, sieve, brand,
        moment,
    )  # fmt: skip
    result[2] = _sizes(bounds)
    result[3] = _since_last(at, rival, bounds[:-1], bounds[1:], moment, everything)
    return result


@compiled
def named(row, start, stop, moment, list_start, list_size, words, name, vertical, listed_offsets, listed, since, sieve):
    """Count the captions that name the brand, and those that name another brand of the pair's vertical, (2, pairs)."""
    pairs = np.arange(len(start) + 1)
    result = np.empty((2, len(start)))
    result[0] = _sizes(_keep_sharing(row, start, stop, list_start, list_size, words, pairs[:-1], pairs, name)[1])
    result[1] = _sizes(
        _keep_listed(
            row, start, stop, list_start, list_size, words, vertical, listed_offsets, listed, since, sieve, name,
            moment,
        )[1]
    )  # fmt: skip
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
