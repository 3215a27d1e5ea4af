"""The scores of all accounts of a store, as they were published every thirty days and as they stand at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.columns import by_moment
from features.events import DAY
from features.publications import kept
from features.social_scores.gather import gather
from features.social_scores.standing import SCORES, Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.events import FloatArray, IntArray
    from features.store import EventStore

PERIOD = 30 * DAY
"""Between two publications of the scores."""
RESIDENT = 2
"""How many publications of a store stay in memory."""
VERSION = 4
"""Raise it when a score changes: what a store keeps of another version is computed anew."""


@dataclass(frozen=True)
class Publication:
    """What of a standing is kept for features.

    Parameters
    ----------
    scores : (accounts, scores) float64
        Rows in the order of the store's accounts, columns as in `SCORES`; NaN where unknown.
    account, topic : (rows,) int64
        Sorted by topic and account: who is endorsed in which topic; topics that are a community only.
    authority : (rows,) float64
    """

    scores: FloatArray
    account: IntArray
    topic: IntArray
    authority: FloatArray

    @cached_property
    def authorities(self) -> tuple[IntArray, int, IntArray, FloatArray]:
        """The communities, how many accounts there are, and who has which authority: see `pair_kernels`."""
        topics, number = np.unique(self.topic, return_inverse=True)
        return topics, len(self.scores), number * len(self.scores) + self.account, self.authority

    @cached_property
    def accounts(self) -> int:
        """How many accounts take part."""
        return int((~np.isnan(self.scores)).any(axis=1).sum())


def scores_at(store: EventStore, moment: int) -> FloatArray:
    """Return the published scores of one moment (microseconds): (accounts, scores), columns as in `SCORES`."""
    return next(publications(store, np.array([moment])))[1].scores


def publications(store: EventStore, moments: IntArray) -> Iterator[tuple[int, Publication]]:
    """Return the publications of some moments (microseconds), each once.

    They are computed when they are first asked for, all that are missing in one pass over the store, and kept in it.
    """
    wanted = []
    for moment in sorted(set(moments.tolist())):
        # Another thread may let go of it meanwhile.
        resident = store.published_scores.get(moment)
        if resident is None:
            wanted.append(moment)
        else:
            yield moment, resident
    folder = store.publications_of_classifier / "scores" / str(VERSION)
    # Mapped, so that nobody holds one standing while the next is worked out.
    for moment, publication in kept(folder, Publication, wanted, lambda missing: map(_of, standings(store, missing))):
        _remember(store, moment, publication)
        yield moment, publication


def standing_at(store: EventStore, moment: int) -> Standing:
    """Work out how all accounts stand at exactly one moment (microseconds), be it one of a publication or not."""
    return next(standings(store, [moment]))[1]


def standings(store: EventStore, moments: list[int]) -> Iterator[tuple[int, Standing]]:
    """Work out how all accounts stand at each of some moments (microseconds), in one pass over the store."""
    codes = pd.Index(store.accounts["actor"].to_numpy().view(np.int64))
    codes.get_indexer(codes[:1])  # Looked up once before threads share it: pandas makes its table at the first look-up.
    for moment, columns in by_moment(store, moments, lambda bucket, moment: gather(bucket, moment, codes)):
        yield moment, standing_of(store, columns)


def _remember(store: EventStore, moment: int, publication: Publication) -> None:
    while len(store.published_scores) >= RESIDENT:
        store.published_scores.pop(next(iter(store.published_scores)))
    store.published_scores[moment] = publication


def _of(stood: tuple[int, Standing]) -> tuple[int, Publication]:
    moment, standing = stood
    authority = standing.authority
    order = np.lexsort((authority.account, authority.topic))
    return moment, Publication(
        standing.accounts[list(SCORES)].to_numpy(np.float64),
        authority.account[order],
        authority.topic[order],
        authority.rank[order],
    )
