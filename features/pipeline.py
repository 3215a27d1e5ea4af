"""From pairs of campaign and account to the feature matrix: the same code for a million pairs and for one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features import audience_fit, authenticity, cross_platform, engagement, offer, social_scores, track_record
from features.briefs import Briefs, microseconds
from features.catalogue import CATEGORIES, FEATURES
from features.errors import DataError, nearest
from features.known import Known, cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.events import FloatArray, IntArray
    from features.store import EventStore

FAMILIES = (engagement, authenticity, audience_fit, track_record, offer, cross_platform)
EVENTS_AT_ONCE = 2_000_000
"""Events that are in memory at one time; more pairs are worked through in turns."""


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
        unknown), then goal, platform and vertical as texts.

    Raises
    ------
    DataError
        Where a column is missing, an account or campaign is unknown, or a moment or fee is none.
    """
    briefs = Briefs.of(store.campaigns, store.campaign_audience) if campaigns is None else Briefs.of(campaigns)
    _require(pairs, "campaign_id", "account_id", "decided_at")
    campaign = _places(briefs.campaign_id, pairs["campaign_id"], "campaign")
    row = _places(pd.Index(store.accounts["account_id"]), pairs["account_id"], "account")
    decided_at = microseconds(pairs["decided_at"])
    fee = _fees(pairs["fee"]) if "fee" in pairs else np.full(len(pairs), np.nan)
    matrix = np.full((len(pairs), len(FEATURES)), np.nan)
    column = {name: number for number, name in enumerate(FEATURES)}
    texts = {name: np.full(len(pairs), None, object) for name in CATEGORIES}
    bucket_of, owner_of = store.accounts["bucket"].to_numpy(), store.accounts["owner"].to_numpy()
    done = 0
    for number in np.unique(bucket_of[row]):
        bucket = store.bucket(int(number))
        mine = np.flatnonzero(bucket_of[row] == number)
        for part in _turns(mine, cost(bucket, owner_of[row[mine]], decided_at[mine])):
            known = Known(
                bucket, owner_of[row[part]], decided_at[part], briefs=briefs, campaign=campaign[part], fee=fee[part]
            )
            for family in FAMILIES:
                for name, values in family.features(known).items():
                    matrix[part, column[name]] = values
            for name, words in offer.categories(known).items():
                texts[name][part] = words
            done += len(part)
            if progress is not None:
                progress(done / len(pairs))
    for name, values in social_scores.features(store, row, decided_at).items():
        matrix[:, column[name]] = values
    for name, feature in FEATURES.items():
        # Null is "not measured", 0 is "measured, none": without its table a count is null too.
        if feature.tables[0] in store.missing:
            matrix[:, column[name]] = np.nan
    frame = pd.DataFrame(matrix, columns=list(FEATURES), index=pairs.index)
    return frame.assign(**{name: pd.array(words, dtype="str") for name, words in texts.items()})


def _require(pairs: pd.DataFrame, *names: str) -> None:
    for name in names:
        if name not in pairs:
            raise DataError(f"The pairs have no column {name!r}.{nearest(name, pairs.columns)}")


def _fees(fees: pd.Series) -> FloatArray:
    try:
        amounts = pd.to_numeric(fees).to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataError(f"fee holds something that is no amount: {error}") from None
    wrong = amounts[(amounts < 0) | np.isinf(amounts)]
    if len(wrong):
        rows = f"{len(wrong)} of {len(fees)} rows, such as {wrong[0]:g}"
        raise DataError(f"fee is no amount in {rows}; give 0 or more, or leave it null.")
    return amounts


def _places(index: pd.Index, wanted: pd.Series, what: str) -> IntArray:
    places = index.get_indexer(pd.Index(wanted))
    unknown = wanted[places < 0].unique()
    if len(unknown):
        hint = nearest(str(unknown[0]), index[:10_000])
        raise DataError(f"{len(unknown)} unknown {what}s, the first is {unknown[0]!r}.{hint}")
    return places.astype(np.int64)


def _turns(rows: IntArray, events: IntArray) -> Iterator[IntArray]:
    """Deal rows into turns of bounded numbers of events, at least one row each."""
    turn = (np.cumsum(events + 1) - 1) // EVENTS_AT_ONCE
    yield from np.split(rows, np.flatnonzero(np.diff(turn)) + 1)
