"""Segments: the files in which a bucket's events lie, and how a bucket is put together out of them.

A segment is an Arrow file of one batch, sorted, not compressed: what numpy needs without a conversion, mapped into
memory. Appended rows make segments of their own, which are merged when the bucket is read; small segments are merged
into larger ones on the way, so that a bucket has few and each row is written again seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from features.bucket import Bucket
from features.events import NEVER, Events
from features.kernels import compiled
from features.manifest import Segment
from features.ordering import UNREAD, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import pandas as pd

    from features.events import BoolArray, IntArray
    from features.manifest import Manifest

GROWTH = 4
"""A segment stays as it is while it is that many times larger than what comes after it."""


def store(table: pa.Table, path: Path) -> None:
    """Write a segment."""
    path.parent.mkdir(exist_ok=True)
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def load(path: Path, *, columns: Collection[str] | None = None, without: Collection[str] = ()) -> pa.Table:
    """Read a segment, or some columns of it."""
    with pa.memory_map(str(path)) as file:
        reader = ipc.open_file(file)
        names = reader.schema.names
        places = [k for k, name in enumerate(names) if name not in without and (columns is None or name in columns)]
        if len(places) < len(names):
            reader = ipc.open_file(file, options=ipc.IpcReadOptions(included_fields=places))
        return reader.read_all()


def extended(folder: Path, segments: Sequence[Segment], rows: pa.Table, file: str) -> list[Segment]:
    """Write further rows of a bucket as a segment, together with the last ones of those there as far as they are small.

    Returns
    -------
    list of Segment
        All segments of the bucket now. Nothing that was there is touched.
    """
    kept, parts, size = list(segments), [rows], len(rows)
    while kept and kept[-1].rows < GROWTH * size:
        parts.append(load(folder / kept[-1].file))
        size += kept.pop().rows
    store(in_order(pa.concat_tables(parts)), folder / file)
    return [*kept, Segment(file, size)]


def read(folder: Path, manifest: Manifest, number: int, accounts: pd.DataFrame) -> Bucket:
    """Read one bucket of the store in a folder; `accounts` are its rows, with their `row` in the store."""
    events = {}
    for name, buckets in manifest.segments.items():
        files = [segment.file for segment in buckets[number]] or [manifest.empty[name]]
        tables = [load(folder / file, without=UNREAD) for file in files]
        events[name] = _events(tables, accounts["arrival"].to_numpy(np.int64))
    posts, stats, reports = events["posts"], events["stats"], events["audiences"]
    events["posts"] = posts.having(
        superseded_at=_superseded(posts.offsets, posts.codes("post"), posts.codes("known_at"), posts.flags("dated")),
        # Where the account's counters as of the post's own time lie, looked up once instead of at every request.
        stats_position=stats.position(posts.owner, posts.at) - 1,
    )
    events["audiences"] = reports.having(
        superseded_at=_next_report(reports.offsets, reports.at, reports.codes("dimension"))
    )
    return Bucket(accounts, events)


def _events(tables: list[pa.Table], arrival: IntArray) -> Events:
    """Make events of segments; `arrival` says under which number each owner is stored."""
    table = tables[0]
    if len(tables) > 1 or (np.diff(arrival) < 0).any():
        table = pa.concat_tables(tables)
        place = np.empty(len(arrival), np.int32)
        place[arrival] = np.arange(len(arrival))
        table = table.set_column(0, "owner", pa.array(place[table["owner"].to_numpy()]))
        table = in_order(table)
    columns: dict[str, Any] = {}
    for name in table.column_names[2:]:
        values = table[name].combine_chunks()
        if pa.types.is_list(values.type):
            ends = values.offsets.to_numpy().astype(np.int64)
            columns |= {f"{name}_start": ends[:-1], f"{name}_size": np.diff(ends), name: _numbers(values.values)}
        else:
            columns[name] = _numbers(values)
    counts = np.bincount(table["owner"].to_numpy(), minlength=len(arrival))
    return Events(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), table["at"].to_numpy(), columns)


def _numbers(values: pa.Array) -> Any:
    """Turn an Arrow column into float64, int64 or bool."""
    plain = values.to_numpy(zero_copy_only=False)
    return plain.view(np.int64) if plain.dtype == np.uint64 else plain


@compiled
def _superseded(offsets: IntArray, post: IntArray, known_at: IntArray, dated: BoolArray) -> IntArray:
    """Return when the next reading of each row's post became known, so that none is read twice.

    Of two rows of a post with one moment, the one with a time of its own is the reading.
    """
    result = np.full(len(post), NEVER)
    for owner in range(len(offsets) - 1):
        first = offsets[owner]
        order = first + np.argsort(post[first : offsets[owner + 1]], kind="mergesort")
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and post[order[stop]] == post[order[start]]:
                stop += 1
            if stop - start > 1:
                readings = order[start:stop].copy()
                readings = readings[np.argsort(dated[readings], kind="mergesort")]
                readings = readings[np.argsort(known_at[readings], kind="mergesort")]
                result[readings[:-1]] = known_at[readings[1:]]
            start = stop
    return result


@compiled
def _next_report(offsets: IntArray, at: IntArray, dimension: IntArray) -> IntArray:
    """Return when the next report of each row's dimension was made; all rows of one moment are one report."""
    result = np.full(len(at), NEVER)
    for owner in range(len(offsets) - 1):
        start, stop = offsets[owner], offsets[owner + 1]
        seen = np.empty(stop - start, np.int64)
        made = np.empty(stop - start, np.int64)
        after = np.empty(stop - start, np.int64)
        count = 0
        for row in range(stop - 1, start - 1, -1):
            place = 0
            while place < count and seen[place] != dimension[row]:
                place += 1
            if place == count:
                seen[place], made[place], after[place] = dimension[row], at[row], NEVER
                count += 1
            elif made[place] != at[row]:
                made[place], after[place] = at[row], made[place]
            result[row] = after[place]
    return result
