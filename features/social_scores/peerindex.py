"""PeerIndex, 0 to 100: authority, audience and activity, first by topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from features.events import divide
from features.social_scores.ranks import aligned, percentile, within

if TYPE_CHECKING:
    from features.events import FloatArray, IntArray

ENDORSEMENT_DAYS = 120
"""PeerIndex looks back over 120 days (V)."""
ENDORSING = ("comment", "mention", "reshare")
"""The kinds of reactions that endorse (V)."""
GENERAL = 0
"""Stands for the topic of what has none, or one that is no community's."""
COMMUNITY = 5
"""Accounts that make a topic a community of its own (A); with fewer, a rank among them says little."""
ROWS_AT_ONCE = 250_000
"""Endorsements that are worked on at one time; one topic is not divided."""
_DAMPING = 0.85
_STEPS = 50


class ByTopic(NamedTuple):
    """How accounts stand in topics: one row per account and topic, sorted by topic.

    Attributes
    ----------
    account, topic : (rows,) int64
        The account's number; the topic's code, or `GENERAL`.
    amount : (rows,) float64
        Endorsements (each endorser once a day), or posts.
    rank : (rows,) float64
        0 to 100, among the accounts of the topic.
    """

    account: IntArray
    topic: IntArray
    amount: FloatArray
    rank: FloatArray


def peerindex(*, authority: FloatArray, audience: FloatArray, activity: FloatArray) -> FloatArray:
    """Rebuild PeerIndex from its three parts: 0.6 authority + 0.2 audience + 0.2 activity (D, one published record).

    Parameters
    ----------
    authority, audience, activity : (n,) float64
        Each 0 to 100.

    Returns
    -------
    (n,) float64
        0 to 100; weights of null parts go to the others; null where authority and audience both are.

    Raises
    ------
    SettingError
        Where a part lies outside 0 to 100 or is no number, or the parts differ in length.
    """
    given = {"authority": authority, "audience": audience, "activity": activity}
    parts = np.array(aligned(**given))
    within(0, 100, **dict(zip(given, parts, strict=True)))
    weights = np.where(np.isnan(parts), 0, np.array([0.6, 0.2, 0.2])[:, None])
    score = divide(np.nansum(parts * weights, axis=0), weights.sum(axis=0))
    return np.where(np.isnan(parts[:2]).all(axis=0), np.nan, score)


def page_rank(
    endorser: IntArray, endorsed: IntArray, weight: FloatArray, *, nodes: int, graph: IntArray | None = None
) -> FloatArray:
    """Return the stationary share of each node in its graph of endorsements (Page et al. 1998, damping 0.85).

    Parameters
    ----------
    endorser, endorsed : (edges,) int64
        Node numbers, each pair once.
    weight : (edges,) float64
        How strongly the one endorses the other.
    nodes : int
        How many nodes there are.
    graph : (nodes,) int64, optional
        Which graph each node is part of, where many are solved at once: numbers from 0. No edge joins two graphs. The
        shares of each graph add up to 1.
    """
    graph = np.zeros(nodes, np.int64) if graph is None else graph
    size = np.bincount(graph).astype(np.float64)
    given = np.bincount(endorser, weight, minlength=nodes)
    is_endorsed = np.bincount(endorsed, minlength=nodes) > 0
    # Whom nobody endorses have one share in common, and most are such: only the others need a walk.
    place, walkers = np.cumsum(is_endorsed) - 1, int(is_endorsed.sum())
    flow, target, inner = weight / given[endorser], place[endorsed], is_endorsed[endorser]
    between = sparse.csr_matrix((flow[inner], (target[inner], place[endorser[inner]])), shape=(walkers, walkers))
    from_others = np.bincount(target[~inner], flow[~inner], minlength=walkers)
    home, rests = graph[is_endorsed], (given == 0)[is_endorsed]
    idle = np.bincount(graph[~is_endorsed & (given == 0)], minlength=len(size))
    common = 1 / size
    share = common[home]
    # A fixed number of steps, so that nothing but the graph decides the result; what is left is below 0.85 ** 50 = 3e-4
    # of the first step, far less than lies between ranks.
    for _ in range(_STEPS):
        resting = np.bincount(home[rests], share[rests], minlength=len(size)) + idle * common
        floor = (1 - _DAMPING + _DAMPING * resting) / size
        share = floor[home] + _DAMPING * (between @ share + from_others * common[home])
        common = floor
    result = common[graph]
    result[is_endorsed] = share
    return result


def authority_by_topic(
    *, endorser: IntArray, endorsed: IntArray, topic: IntArray, day: IntArray, people: IntArray
) -> ByTopic:
    """Rank accounts in each topic by the approval of those who are approved of in it (V; A the damping and the days).

    Parameters
    ----------
    endorser : (rows,) int64
        Code of who endorses.
    endorsed : (rows,) int64
        Number of the account that is endorsed.
    topic : (rows,) int64
        Code of the topic; an endorsement of several topics has a row for each.
    day : (rows,) int64
        On which it was made: an endorser counts once a day.
    people : (accounts,) int64
        Code of each account as an endorser.

    Returns
    -------
    ByTopic
        Endorsed accounts only. Topics on which fewer than `COMMUNITY` accounts are endorsed count as `GENERAL`.
    """
    number, topics = _communities(topic, endorsed)
    # A topic is a graph of its own: in turns, since what is worked out on the way takes many times what is given.
    turn = ((np.cumsum(np.bincount(number)) - 1) // ROWS_AT_ONCE)[number]
    turns = (np.flatnonzero(turn == this) for this in range(int(turn.max(initial=0)) + 1))
    found = [_authority(endorser[mine], endorsed[mine], number[mine], day[mine], people) for mine in turns]
    account, number, amount, rank = map(np.concatenate, zip(*found, strict=True))
    return ByTopic(account, topics[number], amount, rank)


def _authority(endorser: IntArray, endorsed: IntArray, number: IntArray, day: IntArray, people: IntArray) -> ByTopic:
    """Rank accounts in each topic, given by number; otherwise see `authority_by_topic`."""
    codes, code = np.unique(np.concatenate([endorser, people]), return_inverse=True)
    code_of, size = code[len(endorser) :], len(codes)
    # Several numbers in one: 63 bits hold them as long as there are fewer than 2 ** 28 rows.
    ends, end = np.unique(number * size + code_of[endorsed], return_inverse=True)
    first = day.min(initial=np.iinfo(np.int64).max)
    days = np.unique((end * size + code[: len(endorser)]) << 7 | (day - first))
    links, weight = np.unique(days >> 7, return_counts=True)
    end, giver = np.divmod(links, size)
    number, receiver = np.divmod(ends, size)
    nodes, node = np.unique(np.concatenate([number[end] * size + giver, ends[end]]), return_inverse=True)
    graph = np.unique(nodes // size, return_inverse=True)[1]
    share = page_rank(node[: len(end)], node[len(end) :], weight.astype(np.float64), nodes=len(nodes), graph=graph)
    place = np.searchsorted(nodes, ends)
    # In units of an average node of the graph, so that rounding before ranking means the same in large and small ones.
    standing = share[place] * np.bincount(graph)[graph[place]]
    account_of = np.full(size, -1)
    account_of[code_of] = np.arange(len(people))
    return ByTopic(
        account=account_of[receiver],
        topic=number,
        amount=np.bincount(end, weight, minlength=len(ends)).astype(np.float64),
        rank=100 * percentile(standing, number),
    )


def activity_by_topic(*, account: IntArray, topic: IntArray, posts: FloatArray) -> ByTopic:
    """Rank accounts in each topic by how much they post on it (V relative to the topic's community; A as a rank).

    Parameters
    ----------
    account : (rows,) int64
        Number of the account.
    topic : (rows,) int64
        Code of the topic; a post on several topics counts on each.
    posts : (rows,) float64
        Number of posts.

    Returns
    -------
    ByTopic
        Topics on which fewer than `COMMUNITY` accounts post count as `GENERAL`.
    """
    number, topics = _communities(topic, account)
    size = int(account.max(initial=0)) + 1
    row, rows = pd.factorize(number * size + account, sort=True)
    amount = np.bincount(row, posts, minlength=len(rows)).astype(np.float64)
    number, account = np.divmod(rows, size)
    return ByTopic(account, topics[number], amount, 100 * percentile(amount, number))


def _communities(topic: IntArray, account: IntArray) -> tuple[IntArray, IntArray]:
    """Return the number of each row's topic among those with enough accounts, and these topics."""
    number, topics = pd.factorize(topic, sort=True)
    accounts = int(account.max(initial=0)) + 1
    pairs = pd.unique(number * accounts + account)
    size = np.bincount(pairs // accounts, minlength=len(topics))
    community, communities = pd.factorize(np.where(size < COMMUNITY, GENERAL, topics), sort=True)
    return community[number], communities
