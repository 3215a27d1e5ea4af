"""Responders: who reacts to the account, how many they are, whether they come back, and whether it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import DAY, NEVER, BoolArray, Features, IntArray, divide
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.events import Events
    from features.known import KnownAccount

DAYS = 90
YEAR = 365
RECENT_DAYS = 30
"""Who reacts in these days is compared with who reacted in the days of the window before them."""
LOYAL_POSTS = 3
"""Who comments on so many different posts is loyal."""
_ALWAYS = np.iinfo(np.int64).min


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single reactions, received and given."""
    received, given = bucket.events["interactions"], bucket.events["given"]
    kind, reaction = received.codes("kind"), _are(received, "comment", "reply", "mention", "reshare")
    before, first = _previous(received, reaction)
    return {
        "reaction": reaction,
        "reply": _are(received, "reply"),
        "comment": _are(received, "comment"),
        "amplifies": _are(received, "mention", "reshare"),
        "on a post": _are(received, "comment", "reply") & received.flags("post_known"),
        # A reaction is its person's first of the recent days from these days after the one before it.
        "first since": np.where(reaction, np.where(first, _ALWAYS, before + RECENT_DAYS * DAY), NEVER),
        "ever": np.full(len(kind), NEVER),
        "remembered until": np.where(first, _ALWAYS, before + DAYS * DAY),
        "returns": reaction & ~first & (received.at - before < YEAR * DAY),
        "given": _are(given, "comment", "reply", "mention", "reshare"),
        "answer": _answers(given, received, reaction),
    }


def features(known: KnownAccount) -> Features:
    """Compute this part of the family; each feature is described in the catalogue."""
    of, reactions, given = known.measured(measures), known.interactions, known.history("given").window(days=DAYS)
    total = reactions.count(of["reaction"])
    people = reactions.distinct(reactions.codes("actor"), of["reaction"])
    loyal = reactions.faithful(reactions.codes("actor"), reactions.codes("post"), of["on a post"], least=LOYAL_POSTS)
    first = reactions.recent(RECENT_DAYS).valid(of["first since"], of["ever"])
    now, again = first.count(), first.valid(of["first since"], of["remembered until"]).count()
    earlier = people.distinct - now + again
    return {
        "reactions_log_90d": np.log1p(total),
        "amplifying_share_90d": divide(reactions.count(of["amplifies"]), total),
        "replies_per_comment_90d": divide(reactions.count(of["reply"]), reactions.count(of["comment"])),
        "responders_per_follower_90d": divide(people.distinct, known.followers),
        "returning_responder_share_90d": divide(people.returning, people.distinct),
        "responder_concentration_90d": divide(people.squares - total, total * (total - 1)),
        "loyal_comment_share_90d": divide(loyal, reactions.count(of["on a post"])),
        # Capture and recapture (Petersen 1896, Lincoln 1930): the community has earlier * now / again people. Where
        # most of those who react now had reacted before, hardly anybody is left unseen. Its inverse stays finite, and a
        # sample of the reactions estimates it without bias.
        "community_reactions_90d": total * divide(again, earlier * now),
        "answers_share_90d": given.share(of["answer"], of["given"]),
    }


def _are(events: Events, *kinds: str) -> BoolArray:
    return np.isin(events.codes("kind"), [INTERACTIONS.index(kind) for kind in kinds])


def _previous(received: Events, reaction: BoolArray) -> tuple[IntArray, BoolArray]:
    """Say when the same person reacted to the same account before, and whether this is the first time."""
    mine = np.flatnonzero(reaction)
    actor, owner = received.codes("actor")[mine], received.owner[mine]
    # The events come sorted by owner and time, and the sort keeps the order of equals.
    order = np.lexsort((actor, owner))
    same = (actor[order][1:] == actor[order][:-1]) & (owner[order][1:] == owner[order][:-1])
    before, first = np.zeros(len(reaction), np.int64), np.ones(len(reaction), np.bool_)
    later = mine[order[1:][same]]
    before[later] = received.at[mine[order[:-1][same]]]
    first[later] = False
    return before, first


def _answers(given: Events, received: Events, reaction: BoolArray) -> BoolArray:
    """Say of each reaction given whether its receiver had reacted to the account within 90 days, or then."""
    mine = np.flatnonzero(reaction)
    owner = np.concatenate([received.owner[mine], given.owner])
    other = np.concatenate([received.codes("actor")[mine], given.codes("receiver")])
    at = np.concatenate([received.at[mine], given.at])
    is_given = np.arange(len(at)) >= len(mine)
    # Of one moment what was received comes first.
    order = np.lexsort((is_given, at, other, owner))
    # Positions of what was last received of anybody; of the same person if that is where its run has begun.
    last = np.maximum.accumulate(np.where(is_given[order], -1, np.arange(len(at))))
    source = order[np.maximum(last, 0)]
    answers = (
        (last >= 0)
        & (owner[source] == owner[order])
        & (other[source] == other[order])
        & (at[source] > at[order] - DAYS * DAY)
    )
    result = np.zeros(len(at), np.bool_)
    result[order] = answers
    return result[len(mine) :]
