"""Words as numbers: all that features ask of a topic, a brand or an audience slice is whether two are the same."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

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
        hashes = _DUCKDB.cursor().execute("SELECT list_transform(?::VARCHAR[], lambda word: hash(word))", [new])
        made = np.array(hashes.fetchone()[0], np.uint64).view(np.int64)
        found.update(zip(new, made.tolist(), strict=True))
        if len(_CODES) > _REMEMBERED:
            _CODES.clear()
        _CODES.update((word, found[word]) for word in new)
    return np.array([found[word] for word in words], np.int64)


def code(word: str) -> int:
    """Return the number of one word."""
    return int(codes([word])[0])


@lru_cache(maxsize=4_096)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in order, with repeats, as the store reads those of captions.

    A word is two or more letters, digits or underscores of any script, in lower case. DuckDB lowers and judges letter
    by letter, so each is asked for once: to compile its pattern for all scripts takes milliseconds.
    """
    new = sorted(set(text) - _LETTERS.keys())
    if new:
        plain = _DUCKDB.cursor().execute(_PLAIN, [new]).fetchone()[0]
        _LETTERS.update(zip(new, plain, strict=True))
    return tuple(word for word in "".join(map(_LETTERS.__getitem__, text)).split(" ") if len(word) > 1)


_PLAIN = r"""
SELECT list_transform(?::VARCHAR[], lambda letter:
    CASE WHEN regexp_matches(lower(letter), '^[\p{L}\p{N}_]$') THEN lower(letter) ELSE ' ' END)
"""
_CODES: dict[str, int | None] = {}
_LETTERS: dict[str, str] = {}
_DUCKDB = duckdb.connect(":memory:", config={"threads": 1})
