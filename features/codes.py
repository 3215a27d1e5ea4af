"""Words as numbers: all that features ask of a topic, a brand or an audience slice is whether two are the same."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

SLICE_SEPARATOR = "\x1f"
"""Stands between an audience dimension and its bucket where both make one word."""
_REMEMBERED = 1_000_000


def codes(words: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return the numbers that stand for words in the store: DuckDB's hashes, as signed integers.

    What was not asked for before is asked for in one query.
    """
    words = list(words)
    found = {word: _CODES.get(word) for word in words}
    new = [word for word, known in found.items() if known is None]
    if new:
        hashes = ask("SELECT list_transform(?::VARCHAR[], lambda word: hash(word))", new)
        made = np.array(hashes, np.uint64).view(np.int64)
        found.update(zip(new, made.tolist(), strict=True))
        if len(_CODES) > _REMEMBERED:
            _CODES.clear()
        _CODES.update((word, found[word]) for word in new)
    return np.array([found[word] for word in words], np.int64)


def code(word: str) -> int:
    """Return the number of one word."""
    return int(codes([word])[0])


def ask(query: str, values: list[str]) -> Any:
    """Return what DuckDB makes of texts: the answer of a query with one parameter and one value."""
    return _connection().cursor().execute(query, [values]).fetchone()[0]


@cache
def _connection() -> Any:
    return duckdb.connect(":memory:", config={"threads": 1})


# Compiled functions keep what their modules can reach until the very end, where DuckDB complains of open connections.
atexit.register(_connection.cache_clear)

_CODES: dict[str, int | None] = {}
