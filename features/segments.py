"""Reading a bucket's events from the files of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.bucket import Bucket
from features.events import NEVER, Events, IntArray
from features.prepare import EVENTS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def read(folder: Path, number: int, accounts: pd.DataFrame) -> Bucket:
    """Read one bucket of the store in a folder; `accounts` are its rows, with their `row` in the store."""
    events = {name: _read_events(folder / name / f"{number}.parquet", len(accounts)) for name in EVENTS}
    posts, stats, audiences = events["posts"], events["stats"], events["audiences"]
    owner = np.repeat(np.arange(len(accounts)), np.diff(posts.offsets))
    events["posts"] = posts.having(
        superseded_at=_superseded(
            posts, np.asarray(posts["post"], np.int64), np.asarray(posts["known_at"], np.int64), one_row=True
        ),
        # Where the account's counters as of the post's own time lie, looked up once instead of at every request.
        stats_position=stats.position(owner, posts.at) - 1,
    )
    events["audiences"] = audiences.having(
        superseded_at=_superseded(audiences, np.asarray(audiences["dimension"], np.int64), audiences.at, one_row=False)
    )
    return Bucket(accounts, events)


def _read_events(path: Path, owners: int) -> Events:
    table = pq.read_table(path)
    owner = table["owner"].to_numpy().astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=owners))]).astype(np.int64)
    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = table[name].combine_chunks()
        if pa.types.is_list(values.type):
            ends = values.offsets.to_numpy().astype(np.int64)
            columns |= {f"{name}_start": ends[:-1], f"{name}_size": np.diff(ends), name: _numbers(values.values)}
        elif name not in ("owner", "at"):
            columns[name] = _numbers(values)
    return Events(offsets, table["at"].to_numpy().astype(np.int64), columns)


def _numbers(values: pa.Array) -> Any:
    """Turn an Arrow column into float64 with NaN for null, int64 or bool."""
    if pa.types.is_floating(values.type):
        return values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    plain = values.to_numpy(zero_copy_only=False)
    return plain.view(np.int64) if plain.dtype == np.uint64 else plain


def _superseded(events: Events, thing: IntArray, known_at: IntArray, *, one_row: bool) -> IntArray:
    """Say when the next reading of the same thing of the same owner became known, so that none is read twice.

    A reading is one row, or all rows of one moment (the slices of an audience report).
    """
    owner = np.repeat(np.arange(len(events.offsets) - 1), np.diff(events.offsets))
    order = np.lexsort((known_at, thing, owner))
    keys = (owner[order], thing[order], known_at[order])
    result = np.full(len(owner), NEVER)
    if not len(owner):
        return result
    # Each row looks to the reading after its own; of two rows of a post with one moment the second is the reading.
    new_thing = np.any([np.diff(key, prepend=key[0]) != 0 for key in keys[:2]], axis=0)
    new_reading = new_thing | (np.diff(keys[2], prepend=keys[2][0]) != 0) | one_row
    new_reading[0] = True
    starts = np.flatnonzero(new_reading)
    following = np.append(np.where(new_thing[starts[1:]], NEVER, keys[2][starts[1:]]), NEVER)
    result[order] = np.repeat(following, np.diff(starts, append=len(owner)))
    return result
