"""Columns that wait on disk: rows are added to all of them at once, and each is read when it is asked for."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from features.allocator import give_back
from features.prepare import made

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from features.bucket import Bucket
    from features.store import EventStore


class Columns(Mapping[str, "npt.NDArray[Any]"]):
    """Columns of numbers, in an empty folder; the first rows say of which types.

    A column lies in memory once, and only as long as somebody holds what was read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._types: dict[str, np.dtype[Any]] = {}
        self._adding = Lock()

    def add(self, rows: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add rows; several threads may do so at a time."""
        with self._adding:
            for name, values in rows.items():
                kind = self._types.setdefault(name, values.dtype)
                with (self._folder / name).open("ab") as file:
                    values.astype(kind, casting="safe", copy=False).tofile(file)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return np.fromfile(self._folder / name, self._types[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def clear(self) -> None:
        """Give the disk back."""
        shutil.rmtree(self._folder)
        self._types.clear()


def by_moment(
    store: EventStore, moments: list[int], gather: Callable[[Bucket, int], Mapping[str, npt.NDArray[Any]]]
) -> Iterator[tuple[int, Columns]]:
    """Yield what all buckets bring of each moment (microseconds), rows in any order, in one pass over the store.

    It waits on disk: memory holds the buckets at work, and then what is used of one moment. Columns can be read until
    the next moment is asked for.
    """
    with tempfile.TemporaryDirectory(prefix="impel-columns-") as folder:
        brought = {moment: Columns(made(Path(folder) / str(moment))) for moment in moments}

        def bring(bucket: Bucket) -> None:
            for moment, columns in brought.items():
                columns.add(gather(bucket, moment))

        for _ in store.each_bucket(bring):
            pass
        for moment, columns in brought.items():
            yield moment, columns
            columns.clear()
            give_back()
