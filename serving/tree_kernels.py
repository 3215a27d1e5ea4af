"""Compiled walks through the trees of a `serving.forest.Forest`; the conventions of `features.kernels` hold here.

The condition of a split is `x <= threshold` for the number x of a feature, or, where its `kind` has the bit
CATEGORICAL, that the code x is one of the set with the number `threshold`: of the bits in the words
members[bounds[set]:bounds[set + 1]]. Rows that meet it go left. So do those where x is unknown, if the kind has the bit
UNKNOWN_LEFT; with ZERO_UNKNOWN, 0 is unknown.
"""

from __future__ import annotations

import numpy as np

from features.kernels import compiled

UNKNOWN_LEFT, CATEGORICAL, ZERO_UNKNOWN = 1, 2, 4
_ZERO = float(np.float32(1e-35))  # what LightGBM takes for 0
_TOGETHER = 8
"""So many rows walk through a tree side by side: while one waits for memory, the processor goes on with the others."""


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
    return np.int64(x <= threshold) | (np.int64(np.isnan(x)) & kind)


@compiled
def scores(matrix, last, outputs, roots, depth, children, value, feature, threshold, kind, bounds, members):
    """Return the sum of the leaves that rows reach, (rows, outputs), tree after tree as LightGBM adds them up."""
    rows, width = matrix.shape
    result = np.zeros((rows, outputs))
    at = np.empty(_TOGETHER, np.int64)
    for first in range(0, rows, _TOGETHER):
        some = min(_TOGETHER, rows - first)
        output = 0
        for tree in range(len(roots)):
            at[:some] = roots[tree]
            # Without a look whether a row has arrived: it stays at its leaf.
            for _ in range(depth[tree]):
                for j in range(some):
                    node = at[j]
                    column = feature[node]
                    x = matrix[first + j, column] if column < width else last[first + j]
                    at[j] = children[node, _meets(x, threshold[node], kind[node], bounds, members)]
            for j in range(some):
                result[first + j, output] += value[at[j]]
            output = output + 1 if output + 1 < outputs else 0
    return result


@compiled
def table(matrix, masks, values, roots, children, value, feature, threshold, kind, bounds, members):
    """Return the same for each of some values of the last feature, which `matrix` lacks, (rows, values).

    `masks` says of each split by the last feature which of the values meet its condition, a bit each. All values walk
    together until such a split parts them.
    """
    rows, width = matrix.shape
    result = np.zeros((rows, values))
    waiting, of = np.empty(values, np.int64), np.empty(values, np.int64)
    for row in range(rows):
        for tree in range(len(roots)):
            node, mask, number = roots[tree], (1 << values) - 1, 0
            while True:
                while children[node, 0] != node:
                    column = feature[node]
                    if column < width:
                        left = _meets(matrix[row, column], threshold[node], kind[node], bounds, members)
                        node = children[node, left]
                        continue
                    left, right = mask & masks[node], mask & ~masks[node]
                    if left and right:
                        waiting[number], of[number] = children[node, 0], right
                        number += 1
                    mask = left or right
                    node = children[node, 1 if left else 0]
                place = 0
                while mask:
                    if mask & 1:
                        result[row, place] += value[node]
                    mask >>= 1
                    place += 1
                if number == 0:
                    break
                number -= 1
                node, mask = waiting[number], of[number]
    return result


@compiled
def goes_left(matrix, splits, feature, threshold, kind, bounds, members):
    """Say whether rows meet the condition of each split, (rows, splits)."""
    result = np.zeros((len(matrix), splits), np.bool_)
    for row in range(len(matrix)):
        for node in range(splits):
            x = matrix[row, feature[node]]
            result[row, node] = _meets(x, threshold[node], kind[node], bounds, members)
    return result


@compiled
def constants(matrix):
    """Say in which columns all rows hold the same number, or none of them one, (columns,)."""
    rows, columns = matrix.shape
    result = np.ones(columns, np.bool_)
    for column in range(columns):
        first = matrix[0, column]
        for row in range(1, rows):
            x = matrix[row, column]
            if x != first and not (np.isnan(x) and np.isnan(first)):
                result[column] = False
                break
    return result


@compiled
def decided(row, constant, roots, children, feature, threshold, kind, bounds, members):
    """Leave out the splits by features that are constant, with the values of a row; return roots, depth and children.

    Every node stands before its children.
    """
    nodes = len(children)
    stands_for, below = np.arange(nodes), np.zeros(nodes, np.int64)
    left_out = children.copy()
    for node in range(nodes - 1, -1, -1):
        if children[node, 0] == node:
            continue
        column = feature[node]
        if constant[column]:
            left = _meets(row[column], threshold[node], kind[node], bounds, members)
            stands_for[node] = stands_for[children[node, left]]
            continue
        for side in range(2):
            child = stands_for[children[node, side]]
            left_out[node, side] = child
            below[node] = max(below[node], below[child] + 1)
    return stands_for[roots], below[stands_for[roots]], left_out
