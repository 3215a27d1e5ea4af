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
from features.kernels import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from features.events import IntArray

_UNKNOWN, _SEPARATOR = -1, 0
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
    sizes, codes, new = _words(ends, content, lowered, most or np.iinfo(np.int64).max)
    if len(new):
        lowered[new] = ask(_JUDGE, [chr(letter) for letter in new.tolist()])
        sizes, codes, _ = _words(ends, content, lowered, most or np.iinfo(np.int64).max)
    return np.concatenate([[0], np.cumsum(sizes)]), codes


@cache
def _lowered() -> npt.NDArray[np.int32]:
    """Return what is known of each code point: its lower case, or that it separates words."""
    return np.full(0x110000, _UNKNOWN, np.int32)


@compiled
def _words(
    ends: npt.NDArray[np.int32], content: npt.NDArray[np.uint8], lowered: npt.NDArray[np.int32], most: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Return how many words each text has, the hash of each word, and the letters of which nothing is known yet."""
    texts = len(ends) - 1
    sizes = np.zeros(texts, np.int64)
    # A word takes two bytes or more, and one for what separates it from the next.
    codes = np.empty(min((ends[-1] - ends[0]) // 3 + texts, texts * min(most, ends[-1] + 1)), np.int64)
    # Other threads may read by the same table, so that it is not written to here.
    seen = np.zeros(0, np.bool_)
    filled = 0
    for text in range(texts):
        place, stop = ends[text], ends[text + 1]
        size, words, bits = 0, 0, np.uint64(0)
        while place <= stop and words < most:
            letter = _SEPARATOR
            if place < stop:
                point = np.int64(content[place])
                if point >= 0x80:
                    # UTF-8: the leading byte says how many follow, each with six bits.
                    more = 1 if point < 0xE0 else 2 if point < 0xF0 else 3
                    point &= 0x3F >> more
                    for step in range(1, more + 1):
                        point = point << 6 | np.int64(content[place + step]) & 0x3F
                    place += more
                letter = lowered[point]
                if letter == _UNKNOWN:
                    seen = seen if len(seen) else np.zeros(len(lowered), np.bool_)
                    seen[point] = True
                    letter = _SEPARATOR
            place += 1
            if letter != _SEPARATOR:
                # FNV-1a (Fowler, Noll and Vo) over code points.
                bits = bits if size else np.uint64(0xCBF29CE484222325)
                bits = (bits ^ np.uint64(letter)) * np.uint64(0x100000001B3)
                size += 1
                continue
            if size > 1:
                # Spread over all bits: the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
                bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                codes[filled] = np.int64(bits ^ (bits >> np.uint64(31)))
                filled += 1
                words += 1
            size = 0
        sizes[text] = words
    return sizes, codes[:filled].copy(), np.flatnonzero(seen)
