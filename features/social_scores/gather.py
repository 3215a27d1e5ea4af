"""What one bucket brings to a publication of the scores: figures of its accounts, and who reacted to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features import stretch_kernels
from features.events import DAY, BoolArray, History, IntArray, known_or_zero
from features.kernels import compiled
from features.known import KnownAccount
from features.social_scores.klout import HALF_LIFE_DAYS, KIND_WEIGHTS
from features.social_scores.kred import EARNING, FOLLOWED, POINTS, POINTS_BY_THE_FOLLOWED
from features.social_scores.peerindex import ENDORSEMENT_DAYS, ENDORSING, GENERAL
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.events import Events

Gathered = Mapping[str, Any]
"""Columns by name; those of one kind of rows have the first word of their name in common.

`account_*` has one row per account of the bucket; `echo_*` one per reaction of 90 days by somebody who has an account
too; `posted_*` one per account and topic; `endorsed_*` one per endorsement of 120 days and topic. Accounts stand there
as their row in the store.
"""

SEASON_DAYS = 90


def gather(bucket: Bucket, moment: int, actors: pd.Index) -> Gathered:
    """Return what the scores of one moment are made of.

    Parameters
    ----------
    bucket : Bucket
    moment : int
        Microseconds.
    actors : Index
        The code of each account of the store as an actor, by its row.
    """
    account = np.arange(len(bucket.accounts))
    known = KnownAccount(bucket, account, np.full(len(account), moment))
    of, season, reactions = known.measured(_measures), known.posts.recent(SEASON_DAYS), known.interactions
    posts = bucket.events["posts"]
    row = bucket.accounts["row"].to_numpy(np.int64)
    given = History(bucket.events["given"], account, known.decided_at).size()
    received = known.history("interactions").size()
    fake, silent = (
        known_or_zero(share) for share in (known.suspicious_share, known.follower_sample.mean(of["silent"]))
    )
    decayed = {
        kind: reactions.where(of[kind]).decayed(np.ones(len(of[kind])), HALF_LIFE_DAYS)
        for kind in KIND_WEIGHTS
        if kind != "like"
    }
    figures = {
        "row": row,
        "alive": known.has_stats | (known.posts.count() > 0) | (received > 0) | (given > 0),
        "followers": known.followers,
        "real_followers": known.followers * (1 - fake),
        # Fakes are mostly silent too: of both shares the larger one is lost (A).
        "active_followers": known.followers * (1 - np.maximum(fake, silent)),
        "shares": season.sum(posts.numbers("shares")),
        "reshares": reactions.count(of["reshare"]),
        "mentions": reactions.count(of["mention"]),
        "network": reactions.mean(of["log_actor_followers"]),
        "like": season.decayed(posts.numbers("likes"), HALF_LIFE_DAYS),
        **decayed,
        "points": reactions.sum(of["points"]),
        "given": POINTS * given,
    }
    position, pair, _ = stretch_kernels.expand(season.row, season.start, season.stop)
    posted = _posts_by_topic(posts, position, pair)
    columns = {
        **{f"account_{name}": values for name, values in figures.items()},
        **{f"echo_{name}": values for name, values in _echoes(known, of["reaction"], actors).items()},
        **{f"posted_{name}": values for name, values in posted.items()},
        **{f"endorsed_{name}": values for name, values in _endorsements(known, of["endorsement"], posted).items()},
    }
    for name in ("echo_account", "posted_account", "endorsed_account"):
        columns[name] = row[columns[name]]
    return columns


def _measures(bucket: Bucket) -> Measures:
    reactions, sample = bucket.events["interactions"], bucket.events["followers"]
    kind, followers = reactions.codes("kind"), reactions.numbers("actor_followers")
    points = np.where(followers > FOLLOWED, POINTS_BY_THE_FOLLOWED, POINTS)
    wrote = sample.numbers("posts")
    return {
        **{name: kind == INTERACTIONS.index(name) for name in KIND_WEIGHTS if name != "like"},
        "reaction": kind != INTERACTIONS.index("follow"),
        "endorsement": _is_any(kind, ENDORSING),
        "log_actor_followers": np.log1p(followers),
        "points": np.where(_is_any(kind, EARNING), points, np.nan),
        "silent": np.where(np.isnan(wrote), np.nan, wrote == 0),
    }


def _is_any(kind: IntArray, names: tuple[str, ...]) -> BoolArray:
    return np.isin(kind, [INTERACTIONS.index(name) for name in names])


def _echoes(known: KnownAccount, is_reaction: BoolArray, actors: pd.Index) -> Gathered:
    reactions = known.interactions.where(is_reaction).expanded()
    actor = actors.get_indexer(reactions.codes("actor"))
    mine = actor >= 0
    return {
        "account": reactions.pair[mine],
        "actor": actor[mine],
        "kind": reactions.codes("kind")[mine],
        "weight": 2 ** (-reactions.age_days[mine] / HALF_LIFE_DAYS),
    }


def _posts_by_topic(posts: Events, position: IntArray, account: IntArray) -> Gathered:
    """Count the posts of each account and topic; a post without topics counts as general."""
    place, topic = _topics_of(posts, position)
    topic_number, topics = pd.factorize(topic)
    size = max(len(topics), 1)
    rows, count = np.unique(account[place] * size + topic_number, return_counts=True)
    return {"account": rows // size, "topic": topics[rows % size], "posts": count.astype(np.float64)}


def _endorsements(known: KnownAccount, is_endorsement: BoolArray, posted: Gathered) -> Gathered:
    """List the endorsements, once for each topic.

    The topics are those of the post, where it is a known one of the account and has some; else the topic on which the
    account posted most in 90 days; else, or where two are level, the general one.
    """
    window = known.history("interactions").window(days=ENDORSEMENT_DAYS).where(is_endorsement)
    moment = window.at
    event, account, bounds = stretch_kernels.expand(window.row, window.start, window.stop)
    posts, by_post = known.bucket.events["posts"], known.posts
    # The code of an unknown post is that of no post.
    post = _find(posts.codes("post"), by_post.row, by_post.start, by_post.stop, window.codes("post")[event], bounds)
    on_topic = post >= 0
    on_topic[on_topic] = posts.codes("topics_size")[post[on_topic]] > 0
    place, topic = _topics_of(posts, post[on_topic])
    elsewhere = np.flatnonzero(~on_topic)
    event = np.concatenate([event[on_topic][place], event[elsewhere]])
    main = _main_topic(posted, len(known))
    return {
        "account": np.concatenate([account[on_topic][place], account[elsewhere]]),
        "topic": np.concatenate([topic, main[account[elsewhere]]]),
        "actor": window.codes("actor")[event],
        "day": moment[event] // DAY,
    }


@compiled
def _find(  # noqa: PLR0917 - a compiled function takes no keywords
    codes: IntArray, row: IntArray, start: IntArray, stop: IntArray, wanted: IntArray, bounds: IntArray
) -> IntArray:
    """Return for each wanted code, those of pair i within bounds[i:i + 2], an event of its stretch with it, or -1."""
    result = np.full(len(wanted), -1, np.int64)
    for i in range(len(start)):
        if bounds[i] == bounds[i + 1]:
            continue
        mine = row[start[i] : stop[i]]
        order = np.argsort(codes[mine])
        known = codes[mine[order]]
        for k in range(bounds[i], bounds[i + 1]):
            place = np.searchsorted(known, wanted[k])
            if place < len(known) and known[place] == wanted[k]:
                result[k] = mine[order[place]]
    return result


def _main_topic(posted: Gathered, accounts: int) -> IntArray:
    """Return the topic on which each account posted most; general where it has none or two are level."""
    named = posted["topic"] != GENERAL
    account, topic, posts = posted["account"][named], posted["topic"][named], posted["posts"][named]
    most = np.zeros(accounts)
    np.maximum.at(most, account, posts)
    is_top = posts == most[account]
    alone = np.bincount(account[is_top], minlength=accounts) == 1
    result = np.full(accounts, GENERAL)
    result[account[is_top]] = topic[is_top]
    return np.where(alone, result, GENERAL)


def _topics_of(posts: Events, position: IntArray) -> tuple[IntArray, IntArray]:
    """Return the topics of posts behind each other, one general where a post has none: place in `position`, topic."""
    start, size = posts.codes("topics_start")[position], posts.codes("topics_size")[position]
    rows = np.maximum(size, 1)
    place = np.repeat(np.arange(len(position)), rows)
    nth = np.arange(len(place)) - np.repeat(np.cumsum(rows) - rows, rows)
    topic = np.full(len(place), GENERAL)
    has = size[place] > 0
    topic[has] = posts.codes("topics")[(start[place] + nth)[has]]
    return place, topic
