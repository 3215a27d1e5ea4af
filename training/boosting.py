"""Gradient boosting whose number of trees is chosen walk-forward: of a negative binomial, and of a probability."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import lightgbm
import numpy as np
from scipy import special

from serving.distribution import mean_and_size
from training.likelihood import information, log_gradient, log_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serving.distribution import FloatArray

    Evaluation = Callable[[FloatArray, lightgbm.Dataset], tuple[str, float, bool]]

_PATIENCE = 50  # rounds without progress on a fold, after which it is not followed further
_THREADS = re.compile(r"\[num_threads: \d+\]")
_CURVATURE = 1e-3  # least curvature, so that a row that says nothing does not make a leaf jump
_FIXED = {
    # The same trees whatever the number of threads; is_unbalance and scale_pos_weight would bend probabilities.
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class Sample(NamedTuple):
    """Rows to learn from, and the scores to start from, (n, 2), where that is not their average."""

    matrix: FloatArray
    target: FloatArray
    start: FloatArray | None


@dataclass(frozen=True)
class Learner:
    """One booster's settings: LightGBM parameters, the text columns, the most rounds, and what to judge them by."""

    parameters: dict[str, Any]
    text_columns: list[int]
    rounds: int
    evaluation: Evaluation

    def cross(self, folds: Sequence[tuple[Sample, Sample]], weights: FloatArray) -> tuple[int, list[lightgbm.Booster]]:
        """Return the number of rounds with the least loss over all test rows, and the booster of each fold.

        `weights` tell how much the rows of each fold count.
        """
        curves, boosters = [], []
        for train, test in folds:
            data = self._data(train)
            curve: dict[str, dict[str, list[float]]] = {}
            boosters.append(
                lightgbm.train(
                    {**self.parameters, **_FIXED, "metric": "None"},
                    data,
                    num_boost_round=self.rounds,
                    valid_sets=[data.create_valid(test.matrix, test.target, init_score=test.start)],
                    valid_names=["test"],
                    feval=self.evaluation,
                    callbacks=[
                        lightgbm.record_evaluation(curve),
                        lightgbm.early_stopping(_PATIENCE, verbose=False),
                    ],
                )
            )
            curves.append(next(iter(curve["test"].values())))
        longest = max(len(curve) for curve in curves)
        padded = np.array([curve + curve[-1:] * (longest - len(curve)) for curve in curves])
        weight = [weight * len(test.target) for weight, (_, test) in zip(weights, folds, strict=True)]
        return int(np.argmin(np.average(padded, axis=0, weights=weight))) + 1, boosters

    def train(self, sample: Sample, *, rounds: int) -> str:
        """Return the LightGBM text of a booster trained on all rows; its scores come on top of `start`."""
        booster = lightgbm.train({**self.parameters, **_FIXED}, self._data(sample), num_boost_round=rounds)
        # LightGBM writes down its parameters, but threads change nothing: the same model is the same text.
        return _THREADS.sub("[num_threads: 1]", booster.model_to_string())

    def _data(self, sample: Sample) -> lightgbm.Dataset:
        return lightgbm.Dataset(
            sample.matrix,
            sample.target,
            init_score=sample.start,
            categorical_feature=self.text_columns,
            free_raw_data=False,
        )


def negative_binomial(score: FloatArray, data: lightgbm.Dataset) -> tuple[FloatArray, FloatArray]:
    """Return gradient and curvature of the negative binomial loss in log mean and log size, as LightGBM wants them."""
    mean, size = mean_and_size(score)
    return -log_gradient(data.get_label().astype(np.float64), mean, size), information(mean, size) + _CURVATURE


def negative_binomial_loss(score: FloatArray, data: lightgbm.Dataset) -> tuple[str, float, bool]:
    """Return the mean negative log likelihood, as LightGBM wants it."""
    likelihood = log_likelihood(data.get_label().astype(np.float64), *mean_and_size(score))
    return "loss", float(-likelihood.mean()), False


def binary_loss(score: FloatArray, data: lightgbm.Dataset) -> tuple[str, float, bool]:
    """Return the log loss; `score` are probabilities, as LightGBM's own objective hands them over."""
    label = data.get_label()
    return "loss", float(-(special.xlogy(label, score) + special.xlog1py(1 - label, -score)).mean()), False
