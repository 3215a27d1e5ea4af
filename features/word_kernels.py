"""Compiled cutting of texts into words."""

from __future__ import annotations

import numpy as np

from features.kernels import compiled

UNKNOWN, SEPARATOR = -1, 0
"""What stands for a letter of which nothing is known yet, and for one that separates words."""


@compiled
def cut(ends, content, lowered, most, seen):
    """Return how many words each text has, the hash of each word, and whether a letter is not known yet.

    Text i is content[ends[i]:ends[i + 1]], in UTF-8; `lowered` holds the lower case of each code point, or one of the
    signs above; of each text the first `most` words are read. Letters that are not known are flagged in `seen` and
    separate words.
    """
    texts = len(ends) - 1
    sizes = np.empty(texts, np.int64)
    # A word takes two bytes or more, and one for what separates it from the next.
    codes = np.empty(min((ends[-1] - ends[0]) // 3 + texts, texts * min(most, ends[-1] + 1)), np.int64)
    filled, unknown = 0, False
    for text in range(texts):
        first, place, stop = filled, ends[text], ends[text + 1]
        size, bits = 0, np.uint64(0xCBF29CE484222325)
        while place < stop and filled - first < most:
            point = np.int64(content[place])
            place += 1
            if point >= 0x80:
                # UTF-8: the leading byte says how many follow, each with six bits.
                more = 1 if point < 0xE0 else 2 if point < 0xF0 else 3
                point &= 0x3F >> more
                for _ in range(more):
                    point = point << 6 | np.int64(content[place]) & 0x3F
                    place += 1
            letter = lowered[point]
            if letter > SEPARATOR:
                # FNV-1a (Fowler, Noll and Vo) over code points.
                bits = (bits ^ np.uint64(letter)) * np.uint64(0x100000001B3)
                size += 1
                if place < stop:
                    continue
            elif letter == UNKNOWN:
                seen[point] = unknown = True
            if size > 1:
                # Spread over all bits: the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
                bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                codes[filled] = np.int64(bits ^ (bits >> np.uint64(31)))
                filled += 1
            size, bits = 0, np.uint64(0xCBF29CE484222325)
        sizes[text] = filled - first
    return sizes, codes[:filled], unknown
