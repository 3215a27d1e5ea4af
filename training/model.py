"""ActionModel: the distribution of actions of an activation, learnt from past outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from features.errors import DataError
from serving.bundle import Bundle, Metadata, PostedShape, Range, Spec
from serving.encoding import Encoding
from training.boosting import Learner
from training.calibration import OutOfFold, fit_maps, fit_moments, fit_posted
from training.splits import walk_forward

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from serving.distribution import FloatArray

_FEWEST = 30  # activations below which nothing can be said
_FEWEST_TESTED = 20  # posted out-of-fold outcomes, half of them with actions, below which the goals' means answer
_SUPPORT = ("log_followers", "engagement_rate_median_90d", "fee_log")
_TWEEDIE_POWER = 1.5
_SCALE_ROWS = 0.2  # goals lie orders of magnitude apart: the pool says less about a goal's scale than one activation
_EXAMPLES = 16


class ActionModel(BaseEstimator):
    """Distribution of the number of target actions that one activation brings.

    Two boosters, one for *will it be posted* and one for the log of the mean actions given posted, learn from all
    goals together, each goal relative to its own scale. How many trees, the spread around the mean (negative
    binomial) and the calibration come from walk-forward out-of-fold predictions: each activation is predicted by
    boosters trained on what had closed before.

    Parameters
    ----------
    rounds : int
        Most trees per booster; the number used is chosen by walk-forward deviance.
    learning_rate, leaves, min_rows, feature_share :
        LightGBM's learning_rate, num_leaves, min_child_samples and feature_fraction.
    folds : int
        Walk-forward folds; fewer are used where there are few outcomes.
    seed : int
    n_threads : int
        Does not change the result.

    Attributes
    ----------
    bundle_ : Bundle
        The model itself; every answer comes from it.
    out_of_fold_ : DataFrame
        The predictions that calibration learnt from, before calibration: position in `X`, fold, goal, actions,
        posted, posted_probability, mean_actions (given posted).
    """

    def __init__(
        self,
        *,
        rounds: int = 400,
        learning_rate: float = 0.05,
        leaves: int = 15,
        min_rows: int = 20,
        feature_share: float = 0.5,
        folds: int = 4,
        seed: int = 0,
        n_threads: int = 1,
    ) -> None:
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_rows = min_rows
        self.feature_share = feature_share
        self.folds = folds
        self.seed = seed
        self.n_threads = n_threads

    def fit(
        self,
        X: pd.DataFrame,
        actions: ArrayLike,
        *,
        decided_at: ArrayLike,
        closed_at: ArrayLike,
        posted: ArrayLike | None = None,
    ) -> Self:
        """Learn from closed activations.

        Parameters
        ----------
        X : DataFrame of shape (n, features)
            Numbers (NaN is unknown) and texts, among them `goal`.
        actions : array of shape (n,)
            Number of target actions; 0 for what was never posted.
        decided_at, closed_at : arrays of datetimes, shape (n,)
            When the activation was decided and when its outcome was complete.
        posted : array of bool, shape (n,), optional
            Whether it was posted; left out, all count as posted.

        Raises
        ------
        DataError
            Fewer than 30 activations, lengths that differ, no goal, or actions that are not counts.
        """
        counts, was_posted, decided, closed = _checked(X, actions, posted, decided_at, closed_at)
        encoding = Encoding.learn(X)
        matrix = encoding.matrix(X)
        names = encoding.categories["goal"]
        goal = matrix[:, encoding.features.index("goal")].astype(np.intp)
        every = np.arange(len(matrix))
        folds = list(walk_forward(decided, closed, folds=self.folds))

        mean_learner = self._learner("tweedie", encoding, tweedie_variance_power=_TWEEDIE_POWER)
        on_posted = [(train[was_posted[train]], test[was_posted[test]]) for train, test in folds]
        learns = _enough(counts, on_posted)
        if not learns:
            folds = []
        rows = np.concatenate([test for _, test in folds]) if folds else every
        scales = _scales(counts, goal, was_posted, len(names))
        score, rounds = np.zeros(len(rows)), 1
        if learns:
            known = [np.isin(every, train) for train, _ in on_posted]
            targets = [counts / _scales(counts, goal, inside, len(names))[goal] for inside in known]
            rounds, boosters = mean_learner.cross(matrix, targets, on_posted)
            score = np.concatenate(
                [
                    booster.predict(matrix[test], raw_score=True, num_iteration=rounds, num_threads=1)
                    + np.log(_scales(counts, goal, inside, len(names)) / scales)[goal[test]]
                    for booster, inside, (_, test) in zip(boosters, known, folds, strict=True)
                ]
            )
        target = counts / scales[goal] if learns else np.ones(len(counts))
        mean = mean_learner.train(matrix[was_posted], target[was_posted], rounds=rounds).model_to_string()
        posted_score, posted_text = self._posted(matrix, was_posted, folds, encoding)
        found = OutOfFold(goal[rows], score, posted_score, counts[rows], was_posted[rows])
        shapes, pool = fit_moments(found, scales)
        if not learns:
            shapes, pool = [s.model_copy(update={"slope": 0.0}) for s in shapes], pool.model_copy(update={"slope": 0.0})
        spec = Spec(
            encoding=encoding,
            goals=dict(zip(names, shapes, strict=True)),
            pool=pool,
            posted=self._posted_shape(found),
            support=_support(encoding, matrix),
            metadata=Metadata(
                trained_from=decided.min().to_pydatetime(),
                trained_until=closed.max().to_pydatetime(),
                activations=len(matrix),
            ),
        )
        labels = X["goal"].to_numpy(dtype=object)[rows]
        before = spec.distribution(labels, score, posted_score)
        shapes, pool = fit_maps(before, found, shapes, pool)
        spec = spec.model_copy(update={"goals": dict(zip(names, shapes, strict=True)), "pool": pool})
        spread = np.unique(np.linspace(0, len(X) - 1, _EXAMPLES).astype(np.intp))
        self.bundle_ = Bundle(
            spec,
            mean=mean,
            posted=posted_text,
            examples=X.iloc[spread].reset_index(drop=True),
            n_threads=self.n_threads,
        )
        self.out_of_fold_ = pd.DataFrame(
            {
                "position": rows,
                "fold": np.repeat(np.arange(len(folds)), [len(test) for _, test in folds]) if folds else -1,
                "goal": labels,
                "actions": counts[rows],
                "posted": was_posted[rows],
                "posted_probability": before.posted,
                "mean_actions": before.mean,
            }
        )
        return self

    def expected_actions(self, X: pd.DataFrame) -> FloatArray:
        """Return the expected number of actions, shape (n,)."""
        return self.bundle_.distribution(X).expected()

    def likelihood(self, X: pd.DataFrame, at_least: ArrayLike) -> FloatArray:
        """Return the probability of at least so many actions, shape (n,); `at_least` is a number or one per row."""
        return self.bundle_.distribution(X).likelihood(at_least)

    def interval(self, X: pd.DataFrame, coverage: float = 0.9) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper limits that hold the actions with probability `coverage`."""
        return self.bundle_.distribution(X).interval(coverage)

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Return the expected number of actions, as scikit-learn's tools ask for it."""
        return self.expected_actions(X)

    def _learner(self, objective: str, encoding: Encoding, **parameters: Any) -> Learner:
        return Learner(
            {
                "objective": objective,
                "boost_from_average": objective == "binary",
                "learning_rate": self.learning_rate,
                "num_leaves": self.leaves,
                "min_data_in_leaf": self.min_rows,
                "feature_fraction": self.feature_share,
                "seed": self.seed,
                "num_threads": self.n_threads,
                **parameters,
            },
            encoding.text_columns,
            self.rounds,
        )

    def _posted(
        self, matrix: FloatArray, posted: NDArray[np.bool_], folds: list[Any], encoding: Encoding
    ) -> tuple[FloatArray, str | None]:
        """Return out-of-fold scores (base rate where there are no folds) and the text of the posted booster."""
        rows = sum(len(test) for _, test in folds) if folds else len(posted)
        rate = posted.mean()
        both = all(0 < posted[train].sum() < len(train) for train, _ in folds)
        if not folds or not both or rate in {0.0, 1.0}:
            return np.full(rows, np.log((rate + 1e-9) / (1 - rate + 1e-9))), None
        learner = self._learner("binary", encoding)
        labels = posted.astype(np.float64)
        rounds, boosters = learner.cross(matrix, [labels] * len(folds), folds)
        scores = [
            booster.predict(matrix[test], raw_score=True, num_iteration=rounds, num_threads=1)
            for booster, (_, test) in zip(boosters, folds, strict=True)
        ]
        return np.concatenate(scores), learner.train(matrix, labels, rounds=rounds).model_to_string()

    def _posted_shape(self, found: OutOfFold) -> PostedShape | None:
        if found.posted.all():
            return None
        return fit_posted(found)


def _checked(
    X: pd.DataFrame, actions: ArrayLike, posted: ArrayLike | None, decided_at: ArrayLike, closed_at: ArrayLike
) -> tuple[FloatArray, NDArray[np.bool_], pd.Series, pd.Series]:
    counts = np.asarray(actions, dtype=np.float64)
    was_posted = np.ones(len(counts), dtype=bool) if posted is None else np.asarray(posted, dtype=bool)
    decided, closed = (pd.Series(pd.to_datetime(np.asarray(at))).dt.as_unit("us") for at in (decided_at, closed_at))
    for name, values in {"actions": counts, "posted": was_posted, "decided_at": decided, "closed_at": closed}.items():
        if len(values) != len(X):
            raise DataError(f"{name} has {len(values)} rows, the feature table {len(X)}; give one per row")
    if len(X) < _FEWEST:
        raise DataError(f"{len(X)} closed activations are too few to learn from; at least {_FEWEST} are needed")
    if not was_posted.any():
        raise DataError(f"none of the {len(X)} closed activations was posted; there is no outcome to learn from")
    if "goal" not in X.columns:
        raise DataError("the feature table lacks column 'goal', which the model needs")
    if X["goal"].isna().any():
        raise DataError(f"goal is missing in {int(X['goal'].isna().sum())} rows; every activation has one")
    if not np.isfinite(counts).all() or (counts < 0).any():
        wrong = counts[~np.isfinite(counts) | (counts < 0)][0]
        raise DataError(f"actions must be counts, got {wrong}; leave out activations that are not closed yet")
    return counts, was_posted, decided, closed


def _enough(counts: FloatArray, folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> bool:
    """Return whether boosters can be judged out of fold; without folds there is no way to know what they are worth."""
    if not folds:
        return False
    tested = np.concatenate([test for _, test in folds])
    trained = min((counts[train] > 0).sum() for train, _ in folds)
    return len(tested) >= _FEWEST_TESTED and min((counts[tested] > 0).sum(), trained) >= _FEWEST_TESTED // 2


def _scales(counts: FloatArray, goal: NDArray[np.intp], known: NDArray[np.bool_], goals: int) -> FloatArray:
    """Return the mean actions of each goal over the known rows, shrunk a little towards the pool on the log scale."""
    rows = np.bincount(goal[known], minlength=goals)
    mean = (np.bincount(goal[known], counts[known], goals) + 0.5) / np.maximum(rows, 1)
    pool = np.log(mean[rows > 0]).mean() if rows.any() else 0.0
    weight = rows / (rows + _SCALE_ROWS)
    return np.exp(weight * np.log(mean) + (1 - weight) * pool)


def _support(encoding: Encoding, matrix: FloatArray) -> dict[str, Range]:
    ranges = {}
    for name in _SUPPORT:
        if name not in encoding.features:
            continue
        values = matrix[:, encoding.features.index(name)]
        values = values[np.isfinite(values)]
        if len(values):
            minimum, low, high, maximum = np.quantile(values, [0.0, 0.01, 0.99, 1.0]).tolist()
            ranges[name] = Range(minimum=minimum, low=low, high=high, maximum=maximum)
    return ranges
