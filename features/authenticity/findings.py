"""Evidence in words: what stands out about an account's followers and reactions, against what its peers have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from features import peers
from features.authenticity.growth import jumps
from features.authenticity.signs import features, measures
from features.catalogue import FEATURES
from features.known import KnownAccount, known_account

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.events import Features, IntArray
    from features.store import EventStore

OUTSTANDING = 2.0
"""What lies so many spreads of peers from their usual stands out."""
ENOUGH = {"followers": 20, "posts": 5, "interactions": 10, "account_stats": 4}
"""Out of fewer sampled followers, posts, interactions or readings nothing is told."""


@dataclass(frozen=True)
class Signal:
    """One sign that stands out.

    Attributes
    ----------
    name : str
        The feature.
    value : float
        Of the account, in the feature's unit.
    usual : float or None
        The median of accounts of that size and platform, in the same unit; None where there are too few.
    weight : float
        How far it stands out: the distance from the usual, in spreads of those accounts.
    sentence : str
    """

    name: str
    value: float
    usual: float | None
    weight: float
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What is known of an account's authenticity at one moment.

    Attributes
    ----------
    account_id : str
    as_of : Timestamp
        UTC, without a zone.
    fake_share, low, high : float or None
        Share of fake followers and its 90 % interval; None where nothing is known.
    summary : str
        That in words.
    signals : tuple of Signal
        What stands out, the weightiest first; empty where nothing does.
    """

    account_id: str
    as_of: pd.Timestamp
    fake_share: float | None
    low: float | None
    high: float | None
    summary: str
    signals: tuple[Signal, ...]


class _Sign(NamedTuple):
    """How a feature is told.

    It stands out above (1) or below (-1) the usual, or on either side (0), from a distance of `least` on.
    """

    direction: int
    least: float
    text: str
    shown: Callable[[float], str] = "{:.3g}".format


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < abs(share) < 0.0995 else f"{100 * share:.0f} %"


def _growth(log: float) -> str:
    return _percent(float(np.expm1(log)))


def _loss(log: float) -> str:
    return _percent(-float(np.expm1(-log)))


def _times(log: float) -> str:
    return f"{np.exp(log):.1f}"


def _side(spreads: float) -> str:
    return f"{abs(spreads):.1f} times the usual spread {'above' if spreads > 0 else 'below'}"


# The least distances are assumptions: what a buyer would care to hear of.
_SIGNS = {
    "suspicious_follower_share": _Sign(1, 0.10, "{} of the followers look fake by their profiles", _percent),
    "mass_following_share": _Sign(1, 0.15, "{} of the sampled followers follow more than 1,500 accounts", _percent),
    "silent_follower_share": _Sign(1, 0.10, "{} of the sampled followers never posted", _percent),
    "following_benford_excess": _Sign(
        1, 0.015, "first digits of what the sampled followers follow are {} away from Benford's law"
    ),
    "following_per_follower": _Sign(1, 1.0, "the account follows {} accounts per follower"),
    "following_churn_180d": _Sign(
        1, 0.5, "accounts followed went up and down by a factor of {} in all, as in following for a follow",
        _times,
    ),
    "unexplained_jump_180d": _Sign(1, 0.05, "followers jumped by {} and no post explains it", _growth),
    "follower_drop_180d": _Sign(
        1, 0.05, "followers fell by {} between two readings, which looks like a purge of fake ones", _loss
    ),
    "engagement_rate_for_size": _Sign(0, OUTSTANDING, "engagement per follower is {} what peers have", _side),
    "comment_depth_for_size": _Sign(-1, OUTSTANDING, "the number of comments per like is {} what peers have", _side),
    "uncommented_post_share_90d": _Sign(1, 0.25, "{} of the posts with a hundred likes have no comment", _percent),
    "likes_spread_180d": _Sign(-1, 0.25, "likes are suspiciously even: posts differ by a factor of {} only", _times),
    "generic_comment_share_90d": _Sign(1, 0.20, "{} of the comments are generic: short or repeated", _percent),
    "prompt_comment_share_90d": _Sign(1, 0.20, "{} of the comments came within an hour of a post", _percent),
    "unfollowed_actor_share_90d": _Sign(1, 0.15, "{} of the reactions are by actors below ten followers", _percent),
    "pod_reaction_share_90d": _Sign(
        1, 0.10, "{} of the reactions come out of a circle that reacts to each other, which looks like a pod", _percent
    ),
    "reciprocal_reaction_share_90d": _Sign(1, 0.15, "{} of the reactions return the account's own", _percent),
}  # fmt: skip


def evidence(store: EventStore, account_id: str, as_of: pd.Timestamp | str) -> Evidence:
    """Say what stands out about an account's followers and reactions at one moment.

    Signs are compared with accounts of the same size and platform, as they stood at the last publication (every thirty
    days). The first call for a publication looks at all accounts of the store; what it finds is kept there.

    Parameters
    ----------
    store : EventStore
    account_id : str
    as_of : Timestamp or str
        UTC where it has no zone; nothing later is looked at.

    Raises
    ------
    DataError
        Where the account is unknown, or `as_of` is no moment.
    """
    known = known_account(store, account_id, as_of)
    of_all = usual_signs(store, known.decided_at)
    found = {name: float(values[0]) for name, values in features(known).items()}
    usual = peers.usual(known, of_all, tuple(_SIGNS))
    counted = _counted(known)
    signals = [
        signal
        for name in _SIGNS
        if counted[name] >= ENOUGH[FEATURES[name].tables[0]] and (signal := _signal(name, found[name], usual[name]))
    ]
    signals = [_dated(signal, known) if signal.name == "unexplained_jump_180d" else signal for signal in signals]
    share, low, high = (found[name] for name in ("fake_share", "fake_share_low", "fake_share_high"))
    known_at_all = not np.isnan(share)
    return Evidence(
        account_id,
        pd.Timestamp(int(known.decided_at[0]), unit="us"),
        fake_share=share if known_at_all else None,
        low=low if known_at_all else None,
        high=high if known_at_all else None,
        summary=_summary(share, low, high, told=len(signals)),
        signals=tuple(sorted(signals, key=lambda signal: -signal.weight)),
    )


def usual_signs(store: EventStore, moments: IntArray) -> dict[int, peers.Curves]:
    """Return what is usual of each sign by the last publications before some moments; made and kept where missing."""
    published = moments // peers.PERIOD * peers.PERIOD
    peers.publish(store, np.concatenate([moments, published]))
    kept = store.publications_of_classifier / "evidence"
    return dict(peers.publications(store, published.tolist(), _signs, folder=kept))


def _signs(known: KnownAccount) -> Features:
    found = features(known)
    return {name: found[name] for name in _SIGNS}


def _counted(known: KnownAccount) -> dict[str, float]:
    """Return out of how many things each sign was counted."""
    of, comments = known.measured(measures), known.interactions
    of_table = {
        "followers": known.follower_sample.count(),
        "posts": known.season.count(),
        "interactions": comments.count(),
        "account_stats": known.stats.window(days=180).count(),
    }
    of_sign = {name: of_table[FEATURES[name].tables[0]] for name in _SIGNS} | {
        "uncommented_post_share_90d": known.season.count(of["noticed"]),
        "generic_comment_share_90d": comments.measured(comments.numbers("generic")),
        "prompt_comment_share_90d": comments.count(of["comment"]),
        "unfollowed_actor_share_90d": comments.measured(of["unfollowed"]),
    }
    return {name: float(count[0]) for name, count in of_sign.items()}


def _signal(name: str, value: float, usual: peers.Usual) -> Signal | None:
    """Tell a sign that stands out; where peers are too few, one that lies twice its least distance from 0."""
    sign, level, spread = _SIGNS[name], float(usual.level[0]), float(usual.spread[0])
    alone = np.isnan(level)
    distance = value - (0 if alone else level)
    far = abs(distance) if sign.direction == 0 else sign.direction * distance
    if alone and sign.direction < 0:
        return None
    unit = sign.least if alone else max(spread, sign.least / OUTSTANDING)
    # A value that is null is not far either.
    if not far >= max(sign.least, OUTSTANDING * unit):
        return None
    sentence = sign.text.format(sign.shown(value))
    if not alone and sign.shown is not _side:
        sentence += f"; usual for accounts of this size and platform: {sign.shown(level)}"
    return Signal(name, value, None if alone else level, far / unit, sentence)


def _dated(signal: Signal, known: KnownAccount) -> Signal:
    """Add the day of the reading that showed the jump."""
    moments = known.stats.events.at
    day = pd.Timestamp(int(moments[jumps(known).reading[0]]), unit="us")
    return replace(signal, sentence=signal.sentence.replace(" and no post", f" by {day:%Y-%m-%d} and no post", 1))


def _summary(share: float, low: float, high: float, *, told: int) -> str:
    if np.isnan(share):
        return "Nothing is known of this account's followers and reactions."
    found = f"About {_percent(share)} of the followers are fake (90 % interval: {_percent(low)} to {_percent(high)})."
    return found if told else f"{found} Nothing stands out."
