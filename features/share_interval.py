"""A share with its interval, from scores that average 0 over one kind of a sample and 1 over the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.kernels import compiled

if TYPE_CHECKING:
    from features.events import FloatArray

_NORMAL_95 = 1.6448536269514722


@compiled
def shares(
    count: FloatArray, total: FloatArray, squares: FloatArray, variances: FloatArray, labels: FloatArray
) -> FloatArray:
    """Estimate the share of the second kind in each of m samples, with a 90 % interval.

    The interval holds the shares p that lie within 1.645 standard errors of the mean score, as Wilson's does for a
    proportion: (mean - p)^2 <= 1.645^2 * w * (v(p) / n + p^2 * v1 / n1 + (1 - p)^2 * v0 / n0), a quadratic inequality.
    Scores of a sample vary by v(p) = p * v1 + (1 - p) * v0 + p * (1 - p); n1 and n0 labelled ones are what the scores
    rest on. w is 1, or by how much the scores of the sample vary more than v at the estimate.

    Parameters
    ----------
    count, total, squares : (m,) float64
        Number, sum and sum of squares of the scores of each sample.
    variances, labels : (2,) float64
        v0 and v1; n0 and n1.

    Returns
    -------
    (3, m) float64
        Share, low, high, between 0 and 1; NaN where the count is 0.
    """
    real, fake = variances[0], variances[1]
    of_real, of_fake = real / labels[0], fake / labels[1]
    result = np.full((3, len(count)), np.nan)
    for i in range(len(count)):
        n = count[i]
        if not n > 0:
            continue
        share = min(max(total[i] / n, 0.0), 1.0)
        scale = _NORMAL_95**2
        if n > 1:
            varied = (squares[i] - total[i] ** 2 / n) / (n - 1)
            scale *= max(1.0, varied / (share * fake + (1 - share) * real + share * (1 - share)))
        # The inequality, sorted by powers of p: a times its square, less 2 b times p, plus c is at most 0.
        a = 1 + scale * (1 / n - of_real - of_fake)
        b = share + scale * ((fake - real + 1) / (2 * n) - of_real)
        c = share**2 - scale * (real / n + of_real)
        result[0, i] = share
        if a > 0:
            root = np.sqrt(max(b**2 - a * c, 0.0))
            result[1, i] = min(max((b - root) / a, 0.0), share)
            result[2, i] = max(min((b + root) / a, 1.0), share)
        else:  # so few are labelled, or scores vary so much, that any share is possible
            result[1, i], result[2, i] = 0.0, 1.0
    return result
