"""The words of texts, as numbers: all that features ask of a word is how often it stands where.

A word is two or more letters, digits or underscores of any script, in lower case. DuckDB judges and lowers each letter
once; texts are then cut in one pass over their bytes, several times faster than by its regular expressions.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from features.codes import ask
from features.word_kernels import UNKNOWN, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from features.events import IntArray

_JUDGE = r"""
SELECT list_transform(?::VARCHAR[], lambda letter:
    CASE WHEN regexp_matches(lower(letter), '^[\p{L}\p{N}_]$') THEN unicode(lower(letter)) ELSE 0 END)
"""


def words_in(texts: Sequence[str | None] | pa.StringArray, *, most: int | None = None) -> tuple[IntArray, IntArray]:
    """Return the words of n texts in order, with repeats.

    Parameters
    ----------
    texts : (n,) str
        A null text has no words.
    most : int, optional
        So many words of each text are read, the first ones.

    Returns
    -------
    offsets : (n + 1,) int64
        Where each text's words begin.
    codes : (words,) int64
        The hash of each.
    """
    array = (texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())).fill_null("")
    _, offsets, letters = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset :][: len(array) + 1] if len(array) else np.zeros(1, np.int32)
    content, lowered = np.frombuffer(letters or b"", np.uint8), _lowered()
    given = ends, content, lowered, most or np.iinfo(np.int64).max
    # Other threads may read by the same table, so that it is not written to while texts are cut.
    seen = np.zeros(len(lowered), np.bool_)
    sizes, codes, unknown = cut(*given, seen)
    if unknown:
        new = np.flatnonzero(seen)
        lowered[new] = ask(_JUDGE, [chr(letter) for letter in new.tolist()])
        sizes, codes, _ = cut(*given, seen)
    return np.concatenate([[0], np.cumsum(sizes)]), codes


@cache
def _lowered() -> npt.NDArray[np.int32]:
    """Return what is known of each code point: its lower case, or that it separates words."""
    return np.full(0x110000, UNKNOWN, np.int32)
