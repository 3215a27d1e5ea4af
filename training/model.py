"""ActionModel: the distribution of actions of an activation, learnt from past outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import special
from sklearn.base import BaseEstimator

from features.errors import DataError
from serving.bundle import Bundle, Metadata, Range, Spec
from serving.encoding import Encoding
from training.boosting import Learner, Sample, binary_loss, negative_binomial, negative_binomial_loss
from training.calibration import OutOfFold, calibrate, fit_moments
from training.splits import walk_forward

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from serving.distribution import FloatArray

    Fold = tuple[NDArray[np.intp], NDArray[np.intp]]

_FEWEST = 30  # activations below which nothing can be said
_TELLING = 10  # activations with actions in either part of a fold below which it cannot judge a booster
_FOLD = 60  # activations for each further fold
_SUPPORT = ("log_followers", "engagement_rate_median_90d", "fee_log")
_SCALE_ROWS = 0.2  # goals lie orders of magnitude apart: the pool says less about a goal's mean than one activation
_EXAMPLES = 16


class ActionModel(BaseEstimator):
    """Distribution of the number of target actions that one activation brings.

    One booster learns whether an activation *will be posted*; another, from the posted ones of all goals together,
    the mean and the size of a negative binomial: both by gradient steps on its likelihood, from the goal's own mean
    and size on (distributional boosting, as in gamboostLSS, Mayr et al. 2012). How many trees, and the calibration
    of the whole distribution, come from walk-forward out-of-fold predictions: each activation is predicted by
    boosters trained on what had closed before.

    Parameters
    ----------
    rounds : int
        Most trees per booster; the number used is chosen by walk-forward log likelihood.
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
        posted, posted_probability, mean_actions and size (given posted).
    """

    def __init__(
        self,
        *,
        rounds: int = 400,
        learning_rate: float = 0.05,
        leaves: int = 8,
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
        past = _past(X, actions, posted, decided_at, closed_at)
        folds = [
            fold
            for fold in walk_forward(past.decided_at, past.closed_at, folds=min(self.folds, 1 + len(X) // _FOLD))
            if all(((past.actions[part] > 0) & past.posted[part]).sum() >= _TELLING for part in fold)
        ]
        tested = np.concatenate([test for _, test in folds]) if folds else np.arange(len(X))
        start, score, actions_text = self._learn_actions(past, folds)
        posted_score, posted_text = self._learn_posted(past, folds)
        found = OutOfFold(past.goal[tested], start, score, posted_score, past.actions[tested], past.posted[tested])
        calibration = calibrate(found, goals=len(past.goals))
        *shapes, pool = calibration.shapes(past.start(np.arange(len(X))))
        spread = np.unique(np.linspace(0, len(X) - 1, _EXAMPLES).astype(np.intp))
        self.bundle_ = Bundle(
            Spec(
                encoding=past.encoding,
                goals=dict(zip(past.goals, shapes, strict=True)),
                pool=pool,
                posted=calibration.posted,
                support=past.support(),
                metadata=Metadata(
                    trained_from=past.decided_at.min().to_pydatetime(),
                    trained_until=past.closed_at.max().to_pydatetime(),
                    activations=len(X),
                ),
            ),
            actions=actions_text,
            posted=posted_text,
            examples=X.iloc[spread].reset_index(drop=True),
            n_threads=self.n_threads,
        )
        self.out_of_fold_ = pd.DataFrame(
            {
                "position": tested,
                "fold": np.repeat(np.arange(len(folds)), [len(test) for _, test in folds]) if folds else -1,
                "goal": np.array(past.goals, dtype=object)[found.goal],
                "actions": found.actions,
                "posted": found.posted,
                "posted_probability": calibration.unmapped.posted,
                "mean_actions": calibration.unmapped.mean,
                "size": calibration.unmapped.size,
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

    def _learn_actions(self, past: _Past, folds: list[Fold]) -> tuple[FloatArray, FloatArray, str]:
        """Return start and score of the tested rows as in `OutOfFold`, and the text of the final booster."""

        def sample(rows: NDArray[np.intp], start: FloatArray) -> Sample:
            rows = rows[past.posted[rows]]
            return Sample(past.matrix[rows], past.actions[rows], start[past.goal[rows]])

        learner = self._learner(past, negative_binomial, negative_binomial_loss, num_class=2)
        everything = np.arange(len(past.actions))
        start = past.start(everything)
        if not folds:  # nothing tells what a booster would be worth: the goals' means answer
            return start[past.goal], np.zeros((len(everything), 2)), learner.train(sample(everything, start), rounds=1)
        starts = [past.start(train) for train, _ in folds]
        rounds, boosters = learner.cross(
            [(sample(train, own), sample(test, own)) for own, (train, test) in zip(starts, folds, strict=True)]
        )
        score = self._scores(past, boosters, folds, rounds)
        base = np.concatenate([own[past.goal[test]] for own, (_, test) in zip(starts, folds, strict=True)])
        return base, score, learner.train(sample(everything, start), rounds=rounds)

    def _learn_posted(self, past: _Past, folds: list[Fold]) -> tuple[FloatArray, str | None]:
        """Return the score of the tested rows, and the text of the final booster where there is one."""
        rate = past.posted.mean()
        base = float(special.logit(np.clip(rate, 1e-6, 1 - 1e-6)))
        learnable = folds and all(0 < past.posted[part].sum() < len(part) for fold in folds for part in fold)
        if not learnable:
            return np.full(sum(len(test) for _, test in folds) or len(past.posted), base), None

        def sample(rows: NDArray[np.intp]) -> Sample:
            return Sample(past.matrix[rows], past.posted[rows].astype(np.float64), None)

        learner = self._learner(past, "binary", binary_loss)
        rounds, boosters = learner.cross([(sample(train), sample(test)) for train, test in folds])
        score = self._scores(past, boosters, folds, rounds)
        return score, learner.train(sample(np.arange(len(past.posted))), rounds=rounds)

    def _scores(self, past: _Past, boosters: list[Any], folds: list[Fold], rounds: int) -> FloatArray:
        return np.concatenate(
            [
                booster.predict(past.matrix[test], raw_score=True, num_iteration=rounds, num_threads=self.n_threads)
                for booster, (_, test) in zip(boosters, folds, strict=True)
            ]
        )

    def _learner(self, past: _Past, objective: Any, loss: Any, **parameters: Any) -> Learner:
        settings = {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows,
            "feature_fraction": self.feature_share,
            "seed": self.seed,
            "num_threads": self.n_threads,
        }
        return Learner({**settings, **parameters}, past.encoding.text_columns, self.rounds, loss)


class _Past(NamedTuple):
    """Closed activations, checked and encoded."""

    encoding: Encoding
    matrix: FloatArray
    goal: NDArray[np.intp]
    actions: FloatArray
    posted: NDArray[np.bool_]
    decided_at: pd.Series
    closed_at: pd.Series

    @property
    def goals(self) -> tuple[str, ...]:
        return self.encoding.categories["goal"]

    def start(self, rows: NDArray[np.intp]) -> FloatArray:
        """Return log mean and log size of each goal's posted activations and, last, of the pool: (goals + 1, 2)."""
        rows = rows[self.posted[rows]]
        goal, actions, goals = self.goal[rows], self.actions[rows], len(self.goals)
        seen = np.bincount(goal, minlength=goals)
        log_mean = np.log((np.bincount(goal, actions, goals) + 0.5) / np.maximum(seen, 1))
        pool = log_mean[seen > 0].mean()
        weight = seen / (seen + _SCALE_ROWS)
        log_mean = np.append(weight * log_mean + (1 - weight) * pool, pool)
        start = np.column_stack([log_mean, np.zeros(goals + 1)])
        none = np.zeros((len(rows), 2))
        start[:, 1] += fit_moments(goal, start[goal], none, actions, goals=goals).shift[:, 1]
        return start

    def support(self) -> dict[str, Range]:
        """Return where the training rows lie, for the features that say who and what was ever hired."""
        ranges = {}
        for name in _SUPPORT:
            if name not in self.encoding.features:
                continue
            values = self.matrix[:, self.encoding.features.index(name)]
            values = values[np.isfinite(values)]
            if len(values):
                minimum, low, high, maximum = np.quantile(values, [0.0, 0.01, 0.99, 1.0]).tolist()
                ranges[name] = Range(minimum=minimum, low=low, high=high, maximum=maximum)
        return ranges


def _past(
    X: pd.DataFrame, actions: ArrayLike, posted: ArrayLike | None, decided_at: ArrayLike, closed_at: ArrayLike
) -> _Past:
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
    encoding = Encoding.learn(X)
    matrix = encoding.matrix(X)
    goal = matrix[:, encoding.features.index("goal")].astype(np.intp)
    return _Past(encoding, matrix, goal, counts, was_posted, decided, closed)
