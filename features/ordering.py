"""The one order in which events lie: by owner, by time, by the hash of what they are about, by all the rest.

It depends on nothing but the rows: in whatever order and in however many parts they arrive, they come to lie the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from features.kernels import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    from features.events import IntArray

    Codes = npt.NDArray[np.uint64]

UNREAD = ("text",)
"""Columns that serve the appending of further rows and say nothing of the order; no feature reads them."""


def in_order(table: pa.Table) -> pa.Table:
    """Return a table's rows in their order, in one piece.

    Parameters
    ----------
    table : Table
        `owner` (from 0) and `at` first, then columns of numbers, codes, flags and lists of codes, none of them null; of
        those of one owner and moment, the first column of codes says the order.
    """
    owner, at = (table[name].combine_chunks().to_numpy() for name in ("owner", "at"))
    lead = next((name for name in table.column_names[2:] if table[name].type == pa.uint64()), None)
    # Where nothing leads, all rows of one moment are alike.
    leads = table[lead].combine_chunks().to_numpy() if lead else at.view(np.uint64)
    order = _arranged(owner, at, leads)
    places, bounds = _alike(order, owner, at, leads)
    # Only rows that are alike in all of these are hashed.
    if len(places):
        _untie(order, places, bounds, _mixed(table, order[places]))
    return gathered(table, order)


def gathered(table: pa.Table, order: IntArray) -> pa.Table:
    """Return rows of a table by their positions, in one piece."""
    columns = []
    # One column after the other is put together, so that memory holds no second copy of the table.
    for column in table.columns:
        if pa.types.is_list(column.type):
            lists = column.combine_chunks()
            offsets, values = _gathered(lists.offsets.to_numpy(), lists.values.to_numpy(), order)
            columns.append(pa.ListArray.from_arrays(offsets, values))
        else:
            columns.append(pc.take(column.combine_chunks(), pa.array(order), boundscheck=False))
    return pa.table(columns, schema=table.schema)


def _mixed(table: pa.Table, rows: IntArray) -> Codes:
    """Return, of some rows of a table, a hash of all that features read of each but its owner and moment."""
    mixed = np.zeros(len(rows), np.uint64)
    for name in table.column_names[2:]:
        column = table[name].combine_chunks()
        if name in UNREAD:
            continue
        if pa.types.is_list(column.type):
            _stir_lists(mixed, rows, column.offsets.to_numpy(), column.values.to_numpy())
            continue
        values = column.to_numpy(zero_copy_only=False)[rows]
        _stir(mixed, values.view(np.uint64) if values.itemsize == 8 else values.astype(np.uint64))
    return mixed


@compiled
def dealt(bucket: npt.NDArray[np.uint16], owner: npt.NDArray[np.int32]) -> tuple[IntArray, IntArray]:
    """Return the positions of rows by bucket and owner, equal ones as they came, and the bounds of the buckets."""
    buckets, owners = 0, 0
    for row in range(len(bucket)):
        buckets, owners = max(buckets, bucket[row] + 1), max(owners, owner[row] + 1)
    group = np.empty(len(bucket), np.int32)
    for row in range(len(bucket)):
        group[row] = bucket[row] * owners + owner[row]
    order, ends = _grouped(group, buckets * owners)
    return order, ends[:: max(owners, 1)].copy()


@compiled
def _grouped(group: npt.NDArray[np.int32], groups: int) -> tuple[IntArray, IntArray]:
    """Return the positions of rows by group, equal ones as they came, and the bounds of the groups."""
    bounds = np.zeros(groups + 1, np.int64)
    for row in range(len(group)):
        bounds[group[row] + 1] += 1
    for number in range(groups):
        bounds[number + 1] += bounds[number]
    order = np.empty(len(group), np.int64)
    place = bounds[:-1].copy()
    for row in range(len(group)):
        order[place[group[row]]] = row
        place[group[row]] += 1
    return order, bounds


def distinct(sizes: npt.NDArray[np.int32], values: Codes, known: npt.NDArray[np.bool_]) -> pa.ListArray:
    """Return lists of codes, one behind the other, without repeats and unknown ones, each in the order of the codes."""
    sizes, values = _distinct(sizes, values, known)
    return pa.ListArray.from_arrays(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32), values)


@compiled
def _distinct(size: npt.NDArray[np.int32], values: Codes, known: npt.NDArray[np.bool_]) -> tuple[IntArray, Codes]:
    sizes = np.zeros(len(size), np.int64)
    kept = np.empty(len(values), np.uint64)
    end, first = 0, 0
    for row in range(len(sizes)):
        start, first = end, first + size[row]
        for place in range(first - size[row], first):
            value = values[place]
            # Lists are short: each word is put in its place among those before it.
            behind = end
            while behind > start and kept[behind - 1] > value:
                behind -= 1
            if known[place] and (behind == start or kept[behind - 1] != value):
                for later in range(end, behind, -1):
                    kept[later] = kept[later - 1]
                kept[behind] = value
                end += 1
        sizes[row] = end - start
    return sizes, kept[:end]


@compiled
def _stir(mixed: Codes, values: Codes) -> None:
    """Mix one value into each row's hash (the finalizer of SplitMix64: Steele, Lea and Flood 2014)."""
    for row in range(len(mixed)):
        bits = (mixed[row] ^ values[row]) + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed[row] = bits ^ (bits >> np.uint64(31))


@compiled
def _stir_lists(mixed: Codes, rows: IntArray, offsets: npt.NDArray[np.int32], values: Codes) -> None:
    for k in range(len(rows)):
        start, stop = offsets[rows[k]], offsets[rows[k] + 1]
        bits = mixed[k] + np.uint64(stop - start)
        for place in range(start, stop):
            bits = (bits ^ values[place]) * np.uint64(0xBF58476D1CE4E5B9)
            bits ^= bits >> np.uint64(32)
        mixed[k] = bits


@compiled
def _gathered(offsets: npt.NDArray[np.int32], values: Codes, order: IntArray) -> tuple[npt.NDArray[np.int32], Codes]:
    """Return lists by their positions, about three times as fast as Arrow does."""
    ends = np.zeros(len(order) + 1, np.int32)
    for k in range(len(order)):
        ends[k + 1] = ends[k] + offsets[order[k] + 1] - offsets[order[k]]
    result = np.empty(ends[-1], np.uint64)
    for k in range(len(order)):
        start = offsets[order[k]]
        for place in range(ends[k + 1] - ends[k]):
            result[ends[k] + place] = values[start + place]
    return ends, result


@compiled
def _arranged(owner: npt.NDArray[np.int32], at: IntArray, lead: Codes) -> IntArray:
    """Return the positions of the rows by owner, moment and lead: dealt to their owners, then sorted within each."""
    owners = 0
    for row in range(len(owner)):
        owners = max(owners, owner[row] + 1)
    order, bounds = _grouped(owner, owners)
    for number in range(owners):
        start, stop = bounds[number], bounds[number + 1]
        sorted_already = True
        for k in range(start + 1, stop):
            sorted_already &= at[order[k - 1]] <= at[order[k]]
        if not sorted_already:
            mine = order[start:stop].copy()
            order[start:stop] = mine[np.argsort(at[mine], kind="mergesort")]
        while start < stop:
            end = start + 1
            while end < stop and at[order[end]] == at[order[start]]:
                end += 1
            if end - start > 1:
                mine = order[start:end].copy()
                order[start:end] = mine[np.argsort(lead[mine], kind="mergesort")]
            start = end
    return order


@compiled
def _alike(order: IntArray, owner: npt.NDArray[np.int32], at: IntArray, lead: Codes) -> tuple[IntArray, IntArray]:
    """Return the places in that order of rows of which there are several alike, and the bounds of those alike."""
    places, bounds = np.empty(len(order), np.int64), np.zeros(len(order) + 1, np.int64)
    count, groups, start = 0, 0, 0
    for k in range(1, len(order) + 1):
        if k < len(order):
            one, other = order[k - 1], order[k]
            if owner[one] == owner[other] and at[one] == at[other] and lead[one] == lead[other]:
                continue
        if k - start > 1:
            for place in range(start, k):
                places[count] = place
                count += 1
            groups += 1
            bounds[groups] = count
        start = k
    return places[:count], bounds[: groups + 1]


@compiled
def _untie(order: IntArray, places: IntArray, bounds: IntArray, mixed: Codes) -> None:
    """Put rows that are alike in the order of their hashes."""
    for group in range(len(bounds) - 1):
        mine = places[bounds[group] : bounds[group + 1]]
        rows = order[mine]
        order[mine] = rows[np.argsort(mixed[bounds[group] : bounds[group + 1]], kind="mergesort")]
