"""What looks across accounts is published at certain moments: worked out once, and kept in files of the store."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_Published = TypeVar("_Published")


def kept(
    folder: Path,
    kind: type[_Published],
    moments: Iterable[int],
    work_out: Callable[[list[int]], Iterable[tuple[int, _Published]]],
) -> Iterator[tuple[int, _Published]]:
    """Yield each of some moments (microseconds) with its publication, first those that the folder holds.

    Parameters
    ----------
    folder : Path
        Has a file for each moment; it is made where it is missing.
    kind : a dataclass of arrays and numbers
    moments : iterable of int
    work_out : function of moments
        Asked once, for all that the folder does not hold; what it yields is put there.
    """
    missing = []
    for moment in dict.fromkeys(moments):
        path = folder / f"{moment}.npz"
        if path.exists():
            with np.load(path) as saved:
                values = {name: value[()] for name, value in saved.items()}  # a number lies there as an array of it
            yield moment, kind(**values)
        else:
            missing.append(moment)
    for moment, published in work_out(missing) if missing else ():
        # A store that cannot be written to has them worked out again in the next process.
        with suppress(OSError):
            _keep(folder / f"{moment}.npz", published)
        yield moment, published


def _keep(path: Path, published: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, **{each.name: getattr(published, each.name) for each in fields(published)})
    unfinished.rename(path)
