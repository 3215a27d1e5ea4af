"""What is usual for accounts of one size and platform: nearest neighbours in log followers, no tiers.

This looks across accounts, so it is published every thirty days, as social scores are: a pair is compared with the last
publication before its decided_at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from features import peer_kernels
from features.columns import by_moment
from features.events import DAY, FloatArray, IntArray, divide, log_positive, moments_of
from features.known import KnownAccount
from features.publications import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from features.bucket import Bucket, Measures
    from features.store import EventStore

PERIOD = 30 * DAY
"""Between two publications."""
VERSION = 2
"""Raise it when a signal or its form changes: what a store keeps of another version is computed anew."""
NEIGHBOURS = 25
"""Peers of an account are so many accounts below it in size and so many above, as far as there are."""
FEWEST = 5
"""A platform with fewer accounts than this has no usual."""
KNOTS = 2_000
"""Accounts at which what is usual on a platform is told at most, so that all publications fit into memory."""
LEAST_SPREAD = 0.1
"""Peers that are all alike still differ by a tenth from day to day (assumption)."""
NORMAL_OF_MAD = 1.4826
"""Standard deviation of normal numbers over their median absolute deviation."""
SIGNALS = ("rate", "comments", "shares", "saves", "paid clicks")
DEPTHS = ("comments", "shares", "saves")
"""What goes deeper than a like."""


class Usual(NamedTuple):
    """What is usual for peers of n accounts, and how far apart they lie: (n,) float64 each; null without peers."""

    level: FloatArray
    spread: FloatArray


@dataclass(frozen=True)
class Curves:
    """One publication: for each signal and platform what is usual along log followers.

    Parameters
    ----------
    names : (signals,) str
    spans : (curves, 4) int64
        Signal and platform of each curve, and where among the knots it begins and ends.
    size, usual, spread : (knots,) float64
        By curve and size; no size twice in one curve.
    """

    names: npt.NDArray[np.str_]
    spans: IntArray
    size: FloatArray
    usual: FloatArray
    spread: FloatArray

    def at(self, name: str, platform: IntArray, size: FloatArray) -> Usual:
        """Read what is usual for accounts of n platforms (codes) and sizes (log followers)."""
        knots = self.size, self.usual, self.spread
        return Usual(*peer_kernels.along(self.spans, self.names.tolist().index(name), platform, *knots, size))


def curves(platform: IntArray, size: FloatArray, signals: Mapping[str, FloatArray]) -> Curves:
    """Work out what is usual: median and spread of the nearest accounts of the same platform.

    The spread is the median absolute deviation from that median, scaled to be the standard deviation of normal numbers,
    and at least 0.1.

    Parameters
    ----------
    platform : (accounts,) int64
        Codes.
    size : (accounts,) float64
        Log followers; accounts without are left out.
    signals : mapping of name to (accounts,) float64
        Null where unknown: that account is left out there.
    """
    spans, found, end = [], [np.zeros((3, 0))], 0
    for number, values in enumerate(signals.values()):
        # Ordered by both, so that the order of the accounts changes nothing.
        order = np.lexsort((values, size, platform))
        order = order[~np.isnan(size[order]) & ~np.isnan(values[order])]
        edges = np.flatnonzero(np.diff(platform[order])) + 1
        for mine in np.split(order, edges):
            if len(mine) < FEWEST:
                continue
            level, deviation = peer_kernels.neighbourhood(values[mine], NEIGHBOURS)
            # Accounts of one size have one usual: the mean of what stands at each.
            sizes, first, count = np.unique(size[mine], return_index=True, return_counts=True)
            usual = np.add.reduceat(level, first) / count
            spread = np.maximum(NORMAL_OF_MAD * np.add.reduceat(deviation, first) / count, LEAST_SPREAD)
            # Of many accounts so many, evenly: what is usual changes little from one to the next.
            knots = np.unique(np.linspace(0, len(sizes) - 1, min(len(sizes), KNOTS)).round().astype(np.int64))
            spans.append((number, platform[mine[0]], end, end + len(knots)))
            found.append(np.stack([sizes, usual, spread])[:, knots])
            end += len(knots)
    return Curves(np.array(list(signals)), np.array(spans, np.int64).reshape(-1, 4), *np.concatenate(found, axis=1))


def measures(bucket: Bucket) -> Measures:
    """Say on which posts a kind of reaction and likes are both measured, and work out how outcomes were clicked."""
    posts, outcomes = bucket.events["posts"], bucket.outcomes
    clicks, impressions = outcomes.numbers("clicks"), outcomes.numbers("impressions")
    clicked = log_positive((clicks + 0.5) / (impressions + 1))
    return {
        **{kind: ~np.isnan(posts.numbers("likes")) & ~np.isnan(posts.numbers(kind)) for kind in DEPTHS},
        "log clicked": np.where(outcomes.flags("posted") & (impressions > 0), clicked, np.nan),
    }


def signals(known: KnownAccount, names: tuple[str, ...] = SIGNALS) -> dict[str, FloatArray]:
    """Return what features compare n accounts by.

    Returns
    -------
    rate : (n,) float64
        Log of the median engagement rate, 90 days.
    comments, shares, saves : (n,) float64
        Log of so many per like over the posts of 90 days on which both are measured, a half and a like added.
    paid clicks : (n,) float64
        Mean log of clicks per impression, a half and an impression added, of closed activations that were posted and
        seen.
    """
    return {name: _signal(known, name) for name in names}


def apart(known: KnownAccount, names: tuple[str, ...]) -> dict[str, FloatArray]:
    """Return how many spreads of its peers each of n accounts lies from their usual."""
    own, of_peers = signals(known, names), usual(known, known.bucket.peers, names)
    return {name: divide(own[name] - of_peers[name].level, of_peers[name].spread) for name in names}


def _signal(known: KnownAccount, name: str) -> FloatArray:
    if name == "rate":
        return log_positive(known.rated_season.median(known.bucket.engagement_rate))
    of = known.measured(measures)
    if name == "paid clicks":
        return known.outcomes.mean(of["log clicked"])
    likes, deeper = (known.season.sum(known.season.numbers(kind), of[name]) for kind in ("likes", name))
    return log_positive((deeper + 0.5) / (likes + 1))


def publish(store: EventStore, decided_at: IntArray) -> None:
    """Make sure that the publications that pairs of these moments read are in memory.

    What was published before lies in a folder of the store; what was not is worked out in one pass over the buckets.
    """
    moments = [moment for moment in moments_of(decided_at, PERIOD) if moment not in store.published_peers]
    if moments:
        found = publications(store, moments, signals, folder=store.publications / "peers")
        store.published_peers.update(found)


def publications(
    store: EventStore, moments: list[int], measure: Callable[[KnownAccount], Mapping[str, FloatArray]], *, folder: Path
) -> Iterator[tuple[int, Curves]]:
    """Return what is usual at each of some moments (microseconds), by signals of one's own, kept in a folder.

    Signals that depend on the follower classifier belong into `EventStore.publications_of_classifier`.
    """

    def work_out(missing: list[int]) -> Iterator[tuple[int, Curves]]:
        for moment, columns in by_moment(store, missing, partial(_inputs, measure=measure)):
            own = {name: columns[name] for name in columns if name not in {_PLATFORM, _SIZE}}
            yield moment, curves(columns[_PLATFORM], columns[_SIZE], own)

    return kept(folder / str(VERSION), Curves, moments, work_out)


def usual(known: KnownAccount, published: Mapping[int, Curves], names: tuple[str, ...]) -> dict[str, Usual]:
    """Return what was usual for each account's peers by the last publication before its decided_at."""
    last = known.decided_at // PERIOD * PERIOD
    size, platform = log_positive(known.followers), known.bucket.platform[known.account]
    found = np.full((len(names), 2, len(known)), np.nan)
    for moment in moments_of(known.decided_at, PERIOD):
        mine = np.flatnonzero(last == moment)
        for place, name in enumerate(names):
            found[place][:, mine] = published[moment].at(name, platform[mine], size[mine])
    return {name: Usual(*of) for name, of in zip(names, found, strict=True)}


_PLATFORM, _SIZE = "of the platform", "of the size"


def _inputs(
    bucket: Bucket, moment: int, *, measure: Callable[[KnownAccount], Mapping[str, FloatArray]]
) -> dict[str, IntArray | FloatArray]:
    account = np.arange(len(bucket.accounts))
    known = KnownAccount(bucket, account, np.full(len(account), moment))
    return {_PLATFORM: bucket.platform, _SIZE: log_positive(known.followers), **measure(known)}
