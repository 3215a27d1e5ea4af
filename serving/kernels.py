"""Compiled parts of scoring; the conventions of `features.kernels` hold here."""

from __future__ import annotations

import numpy as np

from features.kernels import compiled


@compiled
def contributions(matrix, goal, knots, sizes, values, unknown):
    """Read the curves of each row's goal: straight between their knots, level outside; (rows, features).

    `knots` and `values` are filled up behind the `sizes` knots of each feature; a feature without knots adds 0.
    """
    rows, features = matrix.shape
    parts = np.zeros((rows, features))
    for row in range(rows):
        # The last curves are those of a goal never seen.
        of = goal[row] if goal[row] >= 0 else len(values) + goal[row]
        for feature in range(features):
            size = sizes[feature]
            if size == 0:
                continue
            x = matrix[row, feature]
            if np.isnan(x):
                parts[row, feature] = unknown[of, feature]
                continue
            left = 0
            while left + 1 < size and x >= knots[feature, left + 1]:
                left += 1
            low, high = values[of, feature, left], values[of, feature, left + 1]
            share = (x - knots[feature, left]) / (knots[feature, left + 1] - knots[feature, left])
            parts[row, feature] = low + min(max(share, 0.0), 1.0) * (high - low)
    return parts
