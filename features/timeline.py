"""One account over time, for people to look at: audience, followers, posts and activations, as known at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from features.events import DAY, sum_measured
from features.known import KnownAccount, known_account
from features.queries import POST_LAG

if TYPE_CHECKING:
    from features.events import FloatArray, IntArray, Window
    from features.store import EventStore

READINGS = 200
"""So many readings of the followers are told at most."""
WEEKS = 52
ACTIVATIONS = 50
"""So many activations are told at most."""
BUCKETS = 200
"""So many slices of each dimension of the audience are told at most."""
_WEEK = 7 * DAY


class Reading(NamedTuple):
    """One reading of the number of followers."""

    at: pd.Timestamp
    followers: float


class Week(NamedTuple):
    """The posts of seven days from `week` on.

    `reactions` (likes and comments) and `views` are medians over the posts; None where no post has any measured.
    """

    week: pd.Timestamp
    posts: int
    reactions: float | None
    views: float | None


class Activation(NamedTuple):
    """One activation of the account; `actions` and `closed_at` are None while it is open, `fee` where unknown."""

    campaign_id: str
    goal: str
    vertical: str
    decided_at: pd.Timestamp
    fee: float | None
    actions: float | None
    closed_at: pd.Timestamp | None


@dataclass(frozen=True)
class Timeline:
    """What is known of one account over time.

    Attributes
    ----------
    audience : dict
        Dimension -> bucket -> share of the newest report of each dimension, the largest `BUCKETS` shares first.
    followers : list of Reading
        The oldest first; of more than `READINGS` every so many are left out, never the newest.
    posts : list of Week
        The last `WEEKS` weeks whose posts may be known, the oldest first: they end three days before the moment.
    activations : list of Activation
        Those decided, the newest first, `ACTIVATIONS` at most.
    """

    audience: dict[str, dict[str, float]]
    followers: list[Reading]
    posts: list[Week]
    activations: list[Activation]


def timeline(store: EventStore, account_id: str, as_of: pd.Timestamp | str) -> Timeline:
    """Tell one account over time; nothing later than a moment is looked at.

    Parameters
    ----------
    store : EventStore
    account_id : str
    as_of : Timestamp or str
        UTC where it has no zone.

    Raises
    ------
    DataError
        Where the account is unknown, or `as_of` is no moment.
    """
    known = known_account(store, account_id, as_of)
    return Timeline(_audience(known, store), _followers(known), _posts(known), _activations(known, store))


def _audience(known: KnownAccount, store: EventStore) -> dict[str, dict[str, float]]:
    window = known.audience
    rows = _rows(window)
    named = (store.slice_of.get(number) for number in window.codes("slice")[rows].tolist())
    found: dict[str, dict[str, float]] = {}
    for name, share in sorted(zip(named, window.numbers("share")[rows].tolist(), strict=True), key=_largest_first):
        if name is not None and len(of := found.setdefault(name[0], {})) < BUCKETS:
            of[name[1]] = share
    return found


def _largest_first(part: tuple[tuple[str, str] | None, float]) -> tuple[float, tuple[str, str]]:
    name, share = part
    return -share, name or ("", "")


def _followers(known: KnownAccount) -> list[Reading]:
    window = known.stats.window()
    rows = _rows(window)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), READINGS)).astype(np.intp))]
    moments, followers = window.at, window.numbers("followers")
    return [Reading(_moment(moments[row]), float(followers[row])) for row in rows.tolist()]


def _posts(known: KnownAccount) -> list[Week]:
    span = WEEKS * _WEEK
    window = known.posts_of(known.account, known.decided_at, days=(span + POST_LAG) / DAY)
    rows, first = _rows(window), int(known.decided_at[0]) - POST_LAG - span
    # What was published at the very beginning of a window is outside of it, and so it is of a week.
    moments = window.at
    week = (moments[rows] - first - 1) // _WEEK
    reactions = sum_measured(window.numbers("likes")[rows], window.numbers("comments")[rows])
    views = window.numbers("views")[rows]
    return [
        Week(_moment(first + number * _WEEK), int(own.sum()), _median(reactions[own]), _median(views[own]))
        for number in range(WEEKS)
        for own in [week == number]
    ]


def _activations(known: KnownAccount, store: EventStore) -> list[Activation]:
    window = known.decisions
    rows, closed = _rows(window), set(_rows(known.outcomes).tolist())
    moments, decided = window.at, window.codes("decided_at")
    newest = rows[np.argsort(-decided[rows], kind="stable")][:ACTIVATIONS]
    campaigns = store.campaigns.iloc[
        [store.campaign_of[number] for number in window.codes("campaign")[newest].tolist()]
    ]
    return [
        Activation(
            campaign_id=campaign_id,
            goal=goal,
            vertical=vertical,
            decided_at=_moment(decided[row]),
            fee=_or_none(window.numbers("fee")[row]),
            actions=_or_none(window.numbers("actions")[row]) if row in closed else None,
            closed_at=_moment(moments[row]) if row in closed else None,
        )
        for row, campaign_id, goal, vertical in zip(
            newest.tolist(), campaigns["campaign_id"], campaigns["goal"], campaigns["vertical"], strict=True
        )
    ]


def _rows(window: Window) -> IntArray:
    """Return the positions of the events of a window of one pair."""
    return window.row[window.start[0] : window.stop[0]]


def _median(values: FloatArray) -> float | None:
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else None


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _moment(microseconds: int) -> pd.Timestamp:
    return pd.Timestamp(int(microseconds), unit="us")
