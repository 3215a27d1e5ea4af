"""The one order in which events lie: by owner, by time, by the hash of what they are about, by all the rest.

It depends on nothing but the rows: in whatever order and in however many parts they arrive, they come to lie the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

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
    table = pa.table([column.combine_chunks() for column in table.columns], names=table.column_names)
    mixed = np.zeros(len(table), np.uint64)
    lead = None
    for name in table.column_names[2:]:
        column = table[name].chunk(0)
        if name in UNREAD:
            continue
        if pa.types.is_list(column.type):
            _stir_lists(mixed, column.offsets.to_numpy(), column.values.to_numpy())
            continue
        values = column.to_numpy(zero_copy_only=False)
        lead = values if lead is None and values.dtype == np.uint64 else lead
        _stir(mixed, values.view(np.uint64) if values.itemsize == 8 else values.astype(np.uint64))
    owner, at = (table[name].chunk(0).to_numpy().astype(np.int64) for name in ("owner", "at"))
    owner -= owner.min() if len(owner) else 0
    lead = mixed if lead is None else lead
    return table.take(pa.array(_arranged(owner, at, lead, mixed, int(owner.max(initial=0)) + 1)))


@compiled
def dealt(bucket: npt.NDArray[np.uint16], owner: npt.NDArray[np.int32]) -> tuple[IntArray, IntArray]:
    """Return the positions of rows by bucket and owner, equal ones as they came, and the bounds of the buckets."""
    buckets, owners = 0, 0
    for row in range(len(bucket)):
        buckets, owners = max(buckets, bucket[row] + 1), max(owners, owner[row] + 1)
    ends = np.zeros(buckets * owners + 1, np.int64)
    for row in range(len(bucket)):
        ends[bucket[row] * owners + owner[row] + 1] += 1
    for number in range(buckets * owners):
        ends[number + 1] += ends[number]
    bounds = ends[:: max(owners, 1)].copy()
    order = np.empty(len(bucket), np.int64)
    for row in range(len(bucket)):
        number = bucket[row] * owners + owner[row]
        order[ends[number]] = row
        ends[number] += 1
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
def _stir_lists(mixed: Codes, offsets: npt.NDArray[np.int32], values: Codes) -> None:
    for row in range(len(mixed)):
        bits = mixed[row] + np.uint64(offsets[row + 1] - offsets[row])
        for place in range(offsets[row], offsets[row + 1]):
            bits = (bits ^ values[place]) * np.uint64(0xBF58476D1CE4E5B9)
            bits ^= bits >> np.uint64(32)
        mixed[row] = bits


@compiled
def _arranged(owner: IntArray, at: IntArray, lead: Codes, mixed: Codes, owners: int) -> IntArray:
    """Return the positions of the rows in order: dealt to their owners by counting, then sorted within each."""
    ends = np.zeros(owners + 1, np.int64)
    for row in range(len(owner)):
        ends[owner[row] + 1] += 1
    for number in range(owners):
        ends[number + 1] += ends[number]
    order = np.empty(len(owner), np.int64)
    place = ends[:-1].copy()
    for row in range(len(owner)):
        order[place[owner[row]]] = row
        place[owner[row]] += 1
    for number in range(owners):
        start, stop = ends[number], ends[number + 1]
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
                mine = mine[np.argsort(mixed[mine], kind="mergesort")]
                order[start:end] = mine[np.argsort(lead[mine], kind="mergesort")]
            start = end
    return order
