"""Numpy arrays as the columns of Parquet tables: ids, UTC timestamps, strings out of a vocabulary, nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TIME = pa.timestamp("us", tz="UTC")


def ids(prefix: str, numbers: NDArray[Any], *, width: int) -> Any:
    """Return strings like `a00017`, one per number."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(prefix, digits, "")


def account_ids(number: int) -> Any:
    """Return the ids of the first accounts."""
    return ids("a", np.arange(number), width=5)


def campaign_ids(number: int) -> Any:
    """Return the ids of the first campaigns."""
    return ids("c", np.arange(number), width=4)


def times(seconds: NDArray[Any], *, null: NDArray[np.bool_] | None = None) -> Any:
    """Return UTC timestamps from whole seconds since 1970."""
    return pa.array(seconds.astype(np.int64) * 1_000_000, mask=null).cast(TIME)


def pick(vocabulary: Sequence[str] | Any, index: NDArray[Any], *, null: NDArray[np.bool_] | None = None) -> Any:
    """Return the strings that `index` points to."""
    words = pa.array(vocabulary, pa.string())
    return words.take(pa.array(index, mask=null))


def values(array: NDArray[Any], *, null: NDArray[np.bool_] | None = None) -> Any:
    """Return numbers or flags, null where `null` says so."""
    return pa.array(array, mask=null)


def lists(words: Any, lengths: NDArray[Any]) -> Any:
    """Return lists of strings: the first `lengths[0]` words, the next `lengths[1]`, and so on."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), words)


def write(folder: Path, name: str, columns: Mapping[str, Any]) -> None:
    """Write one table as `<name>.parquet`."""
    pq.write_table(pa.table(dict(columns)), folder / f"{name}.parquet", compression="zstd")
