"""Compiled cutting of texts into words."""

from __future__ import annotations

import numpy as np

from features.kernels import compiled

UNKNOWN, SEPARATOR = -1, 0
"""What stands for a letter of which nothing is known yet, and for one that separates words."""


@compiled
def cut(ends, content, lowered, most):
    """Return how many words each text has, the hash of each word, and the letters of which nothing is known yet.

    Text i is content[ends[i]:ends[i + 1]], in UTF-8; `lowered` holds the lower case of each code point, or one of the
    signs above; of each text the first `most` words are read.
    """
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
            letter = SEPARATOR
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
                if letter == UNKNOWN:
                    seen = seen if len(seen) else np.zeros(len(lowered), np.bool_)
                    seen[point] = True
                    letter = SEPARATOR
            place += 1
            if letter != SEPARATOR:
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
