"""Columns that wait on disk: rows are added to all of them at once, and each is read when it is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


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
