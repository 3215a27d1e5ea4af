"""What was usual among past activations, for the yardsticks that reasons are told beside."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features import peers
from serving.yardsticks import SIZE, Peers, Yardsticks, group_of

_SIZES = 7  # knots of a curve, at quantiles of the group's log followers
_DIGITS = 6


def learn_yardsticks(X: pd.DataFrame) -> Yardsticks:
    """Return the medians of nearest neighbours in size, as `features.peers` knows them, by platform and by goal.

    Groups and features with fewer than five known values have none, and nothing has one without `log_followers`.
    """
    return Yardsticks(platform=_by(X, "platform"), goal=_by(X, "goal"))


def _by(X: pd.DataFrame, column: str) -> dict[str, Peers]:
    numbers = [
        name
        for name in X.columns
        if name != SIZE and group_of(name) == column and pd.api.types.is_numeric_dtype(X[name].dtype)
    ]
    if column not in X or SIZE not in X or not numbers:
        return {}
    group, names = pd.factorize(X[column])
    size = X[SIZE].to_numpy(dtype=np.float64, na_value=np.nan)
    values = {name: X[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in numbers}
    finite = {name: np.where(np.isfinite(known), known, np.nan) for name, known in values.items()}
    curves = peers.curves(group.astype(np.int64), size, finite)
    found = {}
    for code, name in enumerate(names):
        own = size[(group == code) & np.isfinite(size)]
        if not len(own):
            continue
        knots = np.unique(np.quantile(own, np.linspace(0.02, 0.98, _SIZES)).round(_DIGITS))
        level = {of: curves.at(of, np.full(len(knots), code), knots).level for of in numbers}
        found[str(name)] = Peers(
            sizes=tuple(knots.tolist()),
            usual={of: tuple(_short(at).tolist()) for of, at in level.items() if np.isfinite(at).all()},
        )
    return found


def _short(values: np.ndarray) -> np.ndarray:
    """Return values rounded to six significant digits."""
    return np.array([float(f"{value:.{_DIGITS}g}") for value in values])
