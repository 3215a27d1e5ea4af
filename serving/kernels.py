"""Compiled parts of scoring; the conventions of `features.kernels` hold here."""

from __future__ import annotations

import numpy as np

from features.kernels import compiled

_TOGETHER = 64
"""So many rows at a time: what is read and written of them stays in the processor's cache."""


@compiled
def forget_infinite(columns):
    """Put null in the place of what is infinite."""
    for column in columns:
        for j in range(len(column)):
            column[j] = np.nan if np.abs(column[j]) == np.inf else column[j]


@compiled
def contributions(columns, goal, knots, sizes, values, unknown):
    """Read the curves of each row's goal: straight between their knots, level outside; (rows, features).

    `columns` is (features, rows). `knots` and `values` are filled up behind the `sizes` knots of each feature; one
    without knots adds 0.
    """
    features, rows = columns.shape
    parts = np.zeros((rows, features))
    left = np.empty(min(_TOGETHER, rows), np.int64)
    for start in range(0, rows, _TOGETHER):
        some = min(_TOGETHER, rows - start)
        for feature in range(features):
            size = sizes[feature]
            if size == 0:
                continue
            x = columns[feature, start:]
            left[:] = 0
            # Without a search, so that the processor does several rows at once.
            for k in range(1, size):
                knot = knots[feature, k]
                for j in range(some):
                    left[j] += x[j] >= knot
            for j in range(some):
                # The last curves are those of a goal never seen, -1.
                of, k = goal[start + j], left[j]
                if np.isnan(x[j]):
                    parts[start + j, feature] = unknown[of, feature]
                    continue
                low, high = values[of, feature, k], values[of, feature, k + 1]
                share = (x[j] - knots[feature, k]) / (knots[feature, k + 1] - knots[feature, k])
                parts[start + j, feature] = low + min(max(share, 0.0), 1.0) * (high - low)
    return parts
