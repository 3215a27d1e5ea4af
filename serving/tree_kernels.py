"""Compiled scoring of a `serving.forest.Forest`; the conventions of `features.kernels` hold here.

The condition of a split is `x <= threshold` for the number x of a feature, or, where its `kind` has the bit
CATEGORICAL, that the code x is one of the set with the number `threshold`: of the bits in the words
members[bounds[set]:bounds[set + 1]]. Rows that meet it go left. So do those where x is unknown, if the kind has the bit
UNKNOWN_LEFT; with ZERO_UNKNOWN, 0 is unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from features.kernels import compiled

UNKNOWN_LEFT, CATEGORICAL, ZERO_UNKNOWN = 1, 2, 4
_ZERO = float(np.float32(1e-35))  # what LightGBM takes for 0
WORD = 64
"""So many leaves have a bit each in an int64."""
_TOGETHER = 64
"""So many rows are scored side by side: the processor compares several at once, and theirs stay in its cache."""


@intrinsic
def _lowest_bit(_: Any, __: Any) -> Any:
    """Return the place of the lowest bit that is set."""

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))  # noqa: FBT003

    return types.int64(types.int64), code


@compiled
def _meets(x, threshold, kind, bounds, members):
    """Say for 1 or 0 whether a number meets a condition."""
    if kind & (CATEGORICAL | ZERO_UNKNOWN):
        if kind & ZERO_UNKNOWN:
            unknown = np.isnan(x) or (-_ZERO <= x <= _ZERO)
            return kind & UNKNOWN_LEFT if unknown else np.int64(x <= threshold)
        # Of a fraction the whole part counts, so that everything above -1 is a code.
        if not -1.0 < x < 2147483648.0:
            return np.int64(0)
        code, place = np.int64(x), np.int64(threshold)
        word = bounds[place] + (code >> 5)
        return (members[word] >> (code & 31)) & 1 if word < bounds[place + 1] else np.int64(0)
    return np.int64(x <= threshold) | (np.int64(np.isnan(x)) & kind & UNKNOWN_LEFT)


@compiled
def scores(
    columns, first, feature, threshold, kind, word, mask, bounds, members, words, leaves, value, allowed, outputs
):
    """Return the sum of the leaves that rows reach, tree after tree as LightGBM adds them up.

    Parameters
    ----------
    columns : (features, rows) float64
    first : (trees + 1,) int64
        Where the conditions of each tree begin in the next five.
    feature, threshold, kind, word, mask : (conditions,) arrays
        A row that does not meet the condition can reach no other leaves than those of the mask, which is about the
        leaves of one word of the tree.
    words, leaves : (trees + 1,) int64
        Where the words of each tree begin, and its leaves, from left to right.
    allowed : (choices, words) int64
        Which leaves can be reached at all, by what a row is asked about.

    Returns
    -------
    (rows, choices or outputs) float64
        Where there are several outputs, there is one choice.
    """
    rows, choices = columns.shape[1], len(allowed)
    result = np.empty((rows, max(outputs, choices)))
    longest = 1
    for tree in range(len(leaves) - 1):
        longest = max(longest, words[tree + 1] - words[tree])
    width = min(_TOGETHER, rows)
    left, reached = np.empty((longest, width), np.int64), np.empty(width)
    total = np.empty((max(outputs, choices), width))
    for start in range(0, rows, _TOGETHER):
        # The compiler must not know how many these are: it would write them all out, one after the other.
        some = min(_TOGETHER, rows - start)
        total[:] = 0.0
        output = 0
        for tree in range(len(leaves) - 1):
            begin, end = words[tree], words[tree + 1]
            left[: end - begin] = -1
            for i in range(first[tree], first[tree + 1]):
                own, x, limit, keep = left[word[i]], columns[feature[i], start:], threshold[i], mask[i]
                if kind[i] == 0:
                    for j in range(some):
                        own[j] &= -1 if x[j] <= limit else keep
                elif kind[i] == UNKNOWN_LEFT:
                    for j in range(some):
                        own[j] &= keep if x[j] > limit else -1
                else:
                    for j in range(some):
                        own[j] &= -1 if _meets(x[j], limit, kind[i], bounds, members) else keep
            for choice in range(choices):
                # Trees that do not ask for it, and most that do, say the same to neighbours.
                same = choice > 0
                for i in range(begin, end):
                    same = same and allowed[choice, i] == allowed[choice - 1, i]
                if not same:
                    # From right to left, so that the leftmost leaf is the one that stays.
                    for i in range(end - begin - 1, -1, -1):
                        able, base = allowed[choice, begin + i], leaves[tree] + WORD * i
                        for j in range(some):
                            found = left[i, j] & able
                            if found:
                                reached[j] = value[base + _lowest_bit(found)]
                for j in range(some):
                    total[output + choice, j] += reached[j]
            output = output + 1 if output + 1 < outputs else 0
        for i in range(len(total)):
            for j in range(some):
                result[start + j, i] = total[i, j]
    return result


@compiled
def goes_left(matrix, feature, threshold, kind, bounds, members):
    """Say whether rows meet the condition of each split, (rows, splits)."""
    result = np.zeros((len(matrix), len(feature)), np.bool_)
    for row in range(len(matrix)):
        for node in range(len(feature)):
            x = matrix[row, feature[node]]
            result[row, node] = _meets(x, threshold[node], kind[node], bounds, members)
    return result


@compiled
def from_left(children, roots, leaves):
    """Return the first leaf below each node, counted from left to right through all trees, and how many there are.

    Leaves are the nodes behind the splits; every node stands before its children.
    """
    splits = len(children)
    below, first = np.ones(splits + leaves, np.int64), np.zeros(splits + leaves, np.int64)
    for node in range(splits - 1, -1, -1):
        below[node] = below[children[node, 0]] + below[children[node, 1]]
    filled = 0
    for root in roots:
        first[root] = filled
        filled += below[root]
    for node in range(splits):
        first[children[node, 1]] = first[node]
        first[children[node, 0]] = first[node] + below[children[node, 1]]
    return first, below
