"""Reactions between accounts: which are answers, and which come out of a circle that reacts to each other (a pod).

Both look across accounts, so they are settled when the store is prepared, for each reaction at its own moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import DAY
from features.kernels import compiled

if TYPE_CHECKING:
    from features.events import BoolArray, FloatArray, IntArray

PAIR_MEMORY = 90 * DAY
"""How long a reaction is remembered by those that follow it."""


def judge(giver: IntArray, receiver: IntArray, at: IntArray) -> tuple[BoolArray, FloatArray]:
    """Judge the reactions of accounts to other accounts.

    Parameters
    ----------
    giver, receiver : (reactions,) int64
        Codes of the account that reacts and of the account reacted to; never the same.
    at : (reactions,) int64
        Microseconds, ascending.

    Returns
    -------
    reciprocal : (reactions,) bool
        The receiver has itself reacted to the giver within the 90 days before, or at the same moment.
    pod_links : (reactions,) float64
        How many third accounts have within the 90 days before reacted to both the giver and the receiver; what happens
        at the same moment does not count, so that the order of the rows says nothing.
    """
    codes, numbers = np.unique(np.concatenate([giver, receiver]), return_inverse=True)
    source, target = numbers[: len(giver)], numbers[len(giver) :]
    links, link = np.unique(target * len(codes) + source, return_inverse=True)
    answer = source * len(codes) + target
    opposite = np.minimum(np.searchsorted(links, answer), max(len(links) - 1, 0))
    opposite = np.where(links[opposite] == answer, opposite, -1) if len(links) else opposite
    starts = np.searchsorted(links // max(len(codes), 1), np.arange(len(codes) + 1))
    sources = links % max(len(codes), 1)
    return _walk(source, target, at, link, opposite, starts, sources)


@compiled
def _walk(  # noqa: PLR0917
    source: IntArray,
    target: IntArray,
    at: IntArray,
    link: IntArray,
    opposite: IntArray,
    starts: IntArray,
    sources: IntArray,
) -> tuple[BoolArray, FloatArray]:
    """Walk through time and remember of each link (who reacts to whom, by target and source) when it was last used."""
    last = np.full(len(sources), np.iinfo(np.int64).min)
    reciprocal = np.zeros(len(at), np.bool_)
    links = np.zeros(len(at))
    begin = 0
    while begin < len(at):
        moment = at[begin]
        since = moment - PAIR_MEMORY
        end = begin
        while end < len(at) and at[end] == moment:
            end += 1
        for row in range(begin, end):
            few, many = source[row], target[row]
            if starts[few + 1] - starts[few] > starts[many + 1] - starts[many]:
                few, many = many, few
            for place in range(starts[few], starts[few + 1]):
                if last[place] > since:
                    other = starts[many] + np.searchsorted(sources[starts[many] : starts[many + 1]], sources[place])
                    if other < starts[many + 1] and sources[other] == sources[place] and last[other] > since:
                        links[row] += 1
        for row in range(begin, end):
            last[link[row]] = moment
        for row in range(begin, end):
            reciprocal[row] = opposite[row] >= 0 and last[opposite[row]] > since
        begin = end
    return reciprocal, links
