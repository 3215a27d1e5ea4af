"""From pairs of campaign and account to the feature matrix: the same code for a million pairs and for one request."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features import peers, social_scores, vocabulary
from features.briefs import Briefs, microseconds
from features.catalogue import CATEGORIES, FEATURES
from features.errors import DataError, nearest
from features.families import account_features, pair_features
from features.known import Known, cost
from features.processors import usable_processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from features.bucket import Bucket
    from features.events import FloatArray, IntArray
    from features.store import EventStore

_COLUMNS = pd.Index([*FEATURES, *CATEGORIES])
EVENTS_AT_ONCE = 2_000_000
"""Events that one thread works on at one time; more pairs are worked through in turns."""


def build(
    store: EventStore,
    pairs: pd.DataFrame,
    *,
    campaigns: pd.DataFrame | None = None,
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Compute the features of pairs, each from what was known at its decided_at.

    Parameters
    ----------
    store : EventStore
        Where the events are.
    pairs : DataFrame
        Columns campaign_id, account_id, decided_at and, optionally, fee (null where unknown).
    campaigns : DataFrame, optional
        Rows of the `campaigns` table for briefs that the store does not know, with an optional column `audience`
        (dimension -> bucket -> share); by default the store's own.
    progress : callable, optional
        Told the share of the work that is done, 0 to 1.

    Returns
    -------
    DataFrame
        One row per pair, in the same order and with the same index: the features of the catalogue as float64 (NaN where
        unknown), then goal, platform and vertical as texts. Its memory is about 8 bytes times pairs times features;
        where that is too much, see `build_parts`.

    Raises
    ------
    DataError
        Where a column is missing, an account or campaign is unknown, or a moment or fee is none.
    """
    asked = Asked.of(store, pairs, campaigns)
    # Columns lie together: each is written, and later read, as a whole.
    columns = np.full((len(FEATURES), len(pairs)), np.nan)
    done = 0
    for rows, part in _parts(store, asked):
        columns[:, rows] = part
        done += len(rows)
        if progress is not None:
            progress(done / len(pairs))
    return asked.frame(store, columns, slice(None))


def build_parts(
    store: EventStore, pairs: pd.DataFrame, *, campaigns: pd.DataFrame | None = None
) -> Iterator[pd.DataFrame]:
    """Compute the same in parts, for more pairs than memory holds.

    Yields
    ------
    DataFrame
        As from `build`, for some of the pairs, with their index; every pair comes once, in the order of the buckets.
    """
    asked = Asked.of(store, pairs, campaigns)
    for rows, part in _parts(store, asked):
        yield asked.frame(store, part, rows)


@dataclass(frozen=True)
class Asked:
    """What was asked, as arrays: one entry per pair."""

    index: pd.Index
    briefs: Briefs
    campaign: IntArray
    row: IntArray
    decided_at: IntArray
    fee: FloatArray

    @classmethod
    def of(cls, store: EventStore, pairs: pd.DataFrame, campaigns: pd.DataFrame | None) -> Asked:
        """Look up pairs in the store and check them; parameters and errors as of `build`."""
        briefs = store.briefs if campaigns is None else Briefs.of(campaigns)
        _require(pairs, "campaign_id", "account_id", "decided_at")
        return cls(
            index=pairs.index,
            briefs=briefs,
            campaign=_places(briefs.place_of, pairs["campaign_id"], "campaign"),
            row=_places(store.row_of, pairs["account_id"], "account"),
            decided_at=microseconds(pairs["decided_at"]),
            fee=_fees(pairs["fee"]) if "fee" in pairs else np.full(len(pairs), np.nan),
        )

    def frame(self, store: EventStore, columns: FloatArray, rows: IntArray | slice) -> pd.DataFrame:
        """Put features, (features, rows), and categories together."""
        index = self.index[rows]
        categories = {
            "goal": self.briefs.texts["goal"].take(self.campaign[rows]),
            "platform": store.platform.take(self.row[rows]),
            "vertical": self.briefs.texts["vertical"].take(self.campaign[rows]),
        }
        # Texts are put in under numbers and named at the end: each Index of names that is made on the way costs a
        # request as much as a family of features.
        frame = pd.DataFrame(columns.T, index=index, copy=False)
        for place, name in enumerate(CATEGORIES, start=len(FEATURES)):
            frame.insert(place, place, categories[name])
        frame.columns = _COLUMNS.view()
        return frame


def _parts(store: EventStore, asked: Asked) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the features, (features, rows), of some pairs after the other, and which pairs they are of.

    Buckets are worked on by as many threads as there are processors: the kernels release Python's lock.
    """
    # Published before the threads start, one bucket after the other.
    peers.publish(store, asked.decided_at)
    scores = social_scores.features(store, asked.row, asked.decided_at, briefs=asked.briefs, campaign=asked.campaign)
    vocabularies = vocabulary.published(store, vocabulary.needed(asked.briefs, asked.decided_at))
    buckets = store.bucket_of[asked.row]
    numbers = np.unique(buckets)
    missing = _without(store.missing)

    def work(number: int) -> Iterator[tuple[IntArray, FloatArray]]:
        bucket, mine = store.bucket(number), np.flatnonzero(buckets == number)
        owner = store.owner_of[asked.row[mine]]
        for turn in _turns(bucket, owner, asked.decided_at[mine]):
            rows = mine[turn]
            known = Known(
                bucket,
                owner[turn],
                asked.decided_at[rows],
                briefs=asked.briefs,
                campaign=asked.campaign[rows],
                fee=asked.fee[rows],
                verticals=store.verticals,
                vocabularies=vocabularies,
            )
            of_account = account_features(known)
            found = {name: values[rows] for name, values in scores.items()}
            found |= of_account | pair_features(known, of_account)
            part = np.concatenate([found[name] for name in FEATURES]).reshape(len(FEATURES), len(rows))
            if missing:
                part[missing] = np.nan
            yield rows, part
        if len(numbers) > store.resident:
            store.release(number)

    if len(numbers) == 1:
        yield from work(int(numbers[0]))
        return
    threads = usable_processors()
    with ThreadPoolExecutor(threads) as pool:
        # No more buckets at a time than threads: what waits to be taken would fill the memory.
        waiting = deque(int(number) for number in numbers)
        running: deque[Future[list[tuple[IntArray, FloatArray]]]] = deque()
        while waiting or running:
            while waiting and len(running) < threads:
                running.append(pool.submit(lambda number: list(work(number)), waiting.popleft()))
            yield from running.popleft().result()


def _require(pairs: pd.DataFrame, *names: str) -> None:
    for name in names:
        if name not in pairs:
            raise DataError(f"The pairs have no column {name!r}.{nearest(name, pairs.columns)}")


def _fees(fees: pd.Series) -> FloatArray:
    try:
        amounts = (fees if fees.dtype == np.float64 else pd.to_numeric(fees)).to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataError(f"fee holds something that is no amount: {error}") from None
    wrong = amounts[(amounts < 0) | np.isinf(amounts)]
    if len(wrong):
        rows = f"{len(wrong)} of {len(fees)} rows, such as {wrong[0]:g}"
        raise DataError(f"fee is no amount in {rows}; give 0 or more, or leave it null.")
    return amounts


def _places(place_of: Mapping[str, int], wanted: pd.Series, what: str) -> IntArray:
    # A dictionary: pandas' own look-up costs one request as much as a family of features.
    places = list(map(place_of.get, wanted.tolist()))
    if None in places:
        unknown = wanted[[place is None for place in places]].unique()
        hint = nearest(str(unknown[0]), islice(place_of, 10_000))
        first = f"{len(unknown)} {what}s are unknown, the first is" if len(unknown) > 1 else f"Unknown {what}"
        raise DataError(f"{first} {unknown[0]!r}.{hint or f' It is not in the table {what}s.'}")
    return np.array(places, np.int64)


@cache
def _without(tables: tuple[str, ...]) -> list[int]:
    """Return the places of the features that are null without these tables.

    Null is "not measured", 0 is "measured, none": without its table a count is null too.
    """
    return [place for place, feature in enumerate(FEATURES.values()) if feature.tables[0] in tables]


def _turns(bucket: Bucket, owner: IntArray, decided_at: IntArray) -> list[IntArray]:
    """Deal pairs into turns of a bounded number of events, at least one pair each."""
    if len(owner) == 1:
        return [np.zeros(1, np.int64)]
    events = cost(bucket, owner, decided_at)
    turn = (np.cumsum(events + 1) - 1) // EVENTS_AT_ONCE
    return np.split(np.arange(len(events)), np.flatnonzero(np.diff(turn)) + 1)
