"""What activations of a goal usually bring: the forecast of whoever knows nothing but the goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from training.metrics import FloatArray

    IndexArray = NDArray[np.intp]

SHARES = (0.75, 0.5, 0.25, 0.1)
"""Shares of past activations that reached the thresholds at which the whole distribution is judged."""


@dataclass(frozen=True)
class Usual:
    """Actions of past activations by goal, sorted; a goal that is not among them is answered by all of them."""

    by_goal: dict[str, FloatArray]
    everything: FloatArray

    @classmethod
    def of(cls, goal: pd.Series, actions: pd.Series) -> Self:
        """Remember past activations; goal and actions have shape (n,)."""
        counts = actions.astype(np.float64)
        return cls(
            {str(name): np.sort(own.to_numpy()) for name, own in counts.groupby(goal.to_numpy())},
            np.sort(counts.to_numpy()),
        )

    def at_least(self, goal: pd.Series, share: float) -> FloatArray:
        """Return how many actions that share of the goal's past activations reached, at least 1 (n,)."""
        return self._each(goal, lambda past, _: np.quantile(past, 1.0 - share, method="higher").clip(min=1.0))

    def thresholds(self, goal: pd.Series) -> list[FloatArray]:
        """Return `at_least` for each of `SHARES`."""
        return [self.at_least(goal, share) for share in SHARES]

    def likelihood(self, goal: pd.Series, at_least: FloatArray) -> FloatArray:
        """Return the share of the goal's past activations that brought at least so many actions (n,).

        Half an activation of each outcome is added: no share of finitely many is certain.
        """
        return self._each(
            goal,
            lambda past, rows: (
                (len(past) - np.searchsorted(past, at_least[rows], side="left") + 0.5) / (len(past) + 1.0)
            ),
        )

    def _each(self, goal: pd.Series, answer: Callable[[FloatArray, IndexArray], Any]) -> FloatArray:
        found = np.empty(len(goal))
        for name, rows in goal.reset_index(drop=True).groupby(goal.to_numpy(), dropna=False).indices.items():
            found[rows] = answer(self.by_goal.get(str(name), self.everything), rows)
        return found
