"""Gradient boosting whose number of trees is chosen by walk-forward deviance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from serving.distribution import FloatArray

_PATIENCE = 50  # rounds without progress on a fold, after which it is not followed further


@dataclass(frozen=True)
class Learner:
    """One booster's settings: LightGBM parameters, the text columns and the most rounds."""

    parameters: dict[str, Any]
    text_columns: list[int]
    rounds: int
    fixed: dict[str, Any] = field(
        # The same trees whatever the number of threads; is_unbalance and scale_pos_weight would bend probabilities.
        default_factory=lambda: {"deterministic": True, "force_row_wise": True, "verbosity": -1}
    )

    def cross(
        self,
        matrix: FloatArray,
        targets: Sequence[FloatArray],
        folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    ) -> tuple[int, list[lightgbm.Booster]]:
        """Return the number of rounds with the least deviance over all folds, and one booster per fold."""
        curves, boosters = [], []
        for target, (train, test) in zip(targets, folds, strict=True):
            data = self._data(matrix[train], target[train])
            curve: dict[str, dict[str, list[float]]] = {}
            boosters.append(
                lightgbm.train(
                    {**self.parameters, **self.fixed},
                    data,
                    num_boost_round=self.rounds,
                    valid_sets=[data.create_valid(matrix[test], target[test])],
                    valid_names=["test"],
                    callbacks=[
                        lightgbm.record_evaluation(curve),
                        lightgbm.early_stopping(_PATIENCE, verbose=False),
                    ],
                    keep_training_booster=False,
                )
            )
            curves.append(next(iter(curve["test"].values())))
        longest = max(len(curve) for curve in curves)
        padded = np.array([curve + curve[-1:] * (longest - len(curve)) for curve in curves])
        weight = [len(test) for _, test in folds]
        return int(np.argmin(np.average(padded, axis=0, weights=weight))) + 1, boosters

    def train(self, matrix: FloatArray, target: FloatArray, *, rounds: int) -> lightgbm.Booster:
        """Return a booster trained on all rows."""
        return lightgbm.train({**self.parameters, **self.fixed}, self._data(matrix, target), num_boost_round=rounds)

    def _data(self, matrix: FloatArray, target: FloatArray) -> lightgbm.Dataset:
        return lightgbm.Dataset(matrix, target, categorical_feature=self.text_columns, free_raw_data=False)
