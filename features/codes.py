"""Words as numbers: all that features ask of a topic, a brand or an audience slice is whether two are the same."""

from __future__ import annotations

from functools import lru_cache

import duckdb
import numpy as np

SLICE_SEPARATOR = "\x1f"
"""Stands between an audience dimension and its bucket where both make one word."""


@lru_cache(maxsize=65_536)
def code(word: str) -> int:
    """Return the number that stands for a word in the store: DuckDB's hash, as a signed integer."""
    unsigned = _HASHER.cursor().execute("SELECT hash(?::VARCHAR)", [word]).fetchone()[0]
    return int(np.array(unsigned, np.uint64).view(np.int64))


_HASHER = duckdb.connect(":memory:", config={"threads": 1})
