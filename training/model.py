"""ActionModel: the distribution of actions of an activation, learnt from past outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from serving.bundle import Bundle
from serving.forest import Forest
from serving.spec import Metadata, Spec, ThresholdShape
from serving.thresholds import EVERY, Opinion, examples
from training.additive import flat
from training.boosting import Learner, Sample, binary_loss, negative_binomial, negative_binomial_loss
from training.calibration import OutOfFold, calibrate, fit_moments
from training.incremental import fit_incremental
from training.past import read_past
from training.splits import walk_forward
from training.yardsticks import learn_yardsticks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from serving.distribution import FloatArray
    from training.additive import Additive
    from training.past import Past

    Fold = tuple[NDArray[np.intp], NDArray[np.intp]]

_FOLD = 60  # activations for each further fold
_TELLING = 10  # activations with actions in either part of a fold below which it cannot judge a booster
_EXAMPLES = 16
_BACKGROUND = 64  # activations of each goal that explanations start from
RUNGS = np.arange(-6.0, 3.1, 0.75)  # thresholds of the second opinion: log k against the log mean of the goal


class ActionModel(BaseEstimator):
    """Distribution of the number of target actions that one activation brings.

    The distribution is negative binomial with extra zeros for what is never posted. Posting is learnt by a booster.
    The log of the mean starts from curves that add up (`training.additive`), shrunk from goal to all goals; a booster
    that learns mean and size together, by gradient steps on the likelihood (distributional boosting, as in
    gamboostLSS, Mayr et al. 2012), corrects what is left. A second opinion that assumes no shape of the distribution
    (`serving.thresholds`) has its say on every likelihood. How far to trust the curves, how many trees, and the
    calibration of the whole distribution come from walk-forward out-of-fold predictions: each activation is predicted
    by what was learnt from those that had closed before. Where the catalogue gives a feature a direction, more of it
    never changes an answer the other way: more fake followers never help, whatever past activations seem to say.

    Parameters
    ----------
    rounds : int
        Most trees per booster; the number used is chosen by walk-forward log likelihood.
    learning_rate, leaves, min_rows, feature_share :
        LightGBM's learning_rate, num_leaves, min_child_samples and feature_fraction.
    shrinkage : float
        How hard curves are pulled towards nothing, 1 as the ablation found it best.
    recency : float
        How much a fold counts beside the one after it, in calibration and in the choice of the number of trees: markets
        change.
    folds : int
        Walk-forward folds; fewer are used where there are few outcomes.
    seed : int
    n_threads : int
        Of LightGBM and of the linear algebra; does not change the result.

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
        shrinkage: float = 1.0,
        recency: float = 0.7,
        folds: int = 4,
        seed: int = 0,
        n_threads: int = 1,
    ) -> None:
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_rows = min_rows
        self.feature_share = feature_share
        self.shrinkage = shrinkage
        self.recency = recency
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
        incremental_actions: ArrayLike | None = None,
        campaign_id: ArrayLike | None = None,
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
        incremental_actions : array of shape (n,), optional
            Of the actions, those that would not have come anyway, from a holdout; NaN where none was run. Nothing but
            `Bundle.incremental` depends on them; see `training.incremental`.
        campaign_id : array of shape (n,), optional
            Within a campaign, incremental actions were measured together; left out, each activation on its own.

        Raises
        ------
        DataError
            Fewer than 30 activations, lengths that differ, no goal, or actions that are not counts.
        """
        past = read_past(X, actions, posted, decided_at, closed_at)
        folds = [
            fold
            for fold in walk_forward(past.decided_at, past.closed_at, folds=min(self.folds, 1 + len(X) // _FOLD))
            if all(((past.actions[part] > 0) & past.posted[part]).sum() >= _TELLING for part in fold)
        ]
        tested = np.concatenate([test for _, test in folds]) if folds else np.arange(len(X))
        fold = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds]) if folds else np.zeros(len(X), int)
        weight = _recency(folds, self.recency)[fold]
        # Vectors are short here: threads would wait for each other for longer than they compute.
        with threadpool_limits(self.n_threads, user_api="blas"):
            additive, start, score, actions_text = self._learn_actions(past, folds, tested, weight)
            posted_score, posted_text = self._learn_posted(past, folds, tested)
            opinion, thresholds_text = self._learn_thresholds(past, folds)
            found = OutOfFold(
                goal=past.goal[tested],
                start=start,
                score=score,
                posted_score=posted_score,
                actions=past.actions[tested],
                posted=past.posted[tested],
                weight=weight,
                opinion=opinion,
            )
            calibration = calibrate(found, goals=len(past.goals))
        *shapes, pool = calibration.shapes(additive.start)
        spread = np.unique(np.linspace(0, len(X) - 1, _EXAMPLES).astype(np.intp))
        self.bundle_ = Bundle(
            Spec(
                encoding=past.encoding,
                curves=additive.curves,
                goals=dict(zip(past.goals, shapes, strict=True)),
                pool=pool,
                posted=calibration.posted,
                thresholds=thresholds_text
                and ThresholdShape(
                    rungs=tuple(RUNGS.tolist()), log_scale=tuple(past.start(np.arange(len(X)))[:, 0].tolist())
                ),
                incremental=fit_incremental(
                    past.goals, past.goal, past.actions, incremental_actions, campaign_id=campaign_id
                ),
                support=past.support(),
                yardsticks=learn_yardsticks(X),
                metadata=Metadata(
                    trained_from=past.decided_at.min().to_pydatetime(),
                    trained_until=past.closed_at.max().to_pydatetime(),
                    activations=len(X),
                ),
            ),
            actions=actions_text,
            posted=posted_text,
            thresholds=thresholds_text,
            examples=X.iloc[spread].reset_index(drop=True),
            background=X.iloc[past.spread_by_goal(_BACKGROUND)].reset_index(drop=True),
        )
        self.out_of_fold_ = pd.DataFrame(
            {
                "position": tested,
                "fold": fold,
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

    def _learn_actions(
        self, past: Past, folds: list[Fold], tested: NDArray[np.intp], weight: FloatArray
    ) -> tuple[Additive, FloatArray, FloatArray, str]:
        """Return the curves, start and score of the tested rows as in `OutOfFold`, and the text of the booster."""
        learner = self._learner(past, negative_binomial, negative_binomial_loss, num_class=2)
        everything = np.arange(len(past.actions))
        free = past.directions == 0

        def sample(rows: NDArray[np.intp], own: Additive) -> Sample:
            # The booster learns the size along with the mean, and a smaller size makes large numbers likelier: of
            # features that have a direction the curves alone speak.
            found = past.sample(rows, own)
            return found._replace(matrix=np.where(free, found.matrix, np.nan))

        if not folds:  # nothing tells what curves or boosters are worth: the goals' means answer
            means = flat(past.matrix.shape[1], past.start(everything))
            text = learner.train(sample(everything, means), rounds=1)
            return means, means.start[past.goal], np.zeros((len(everything), 2)), text
        additive = [past.additive(train, shrinkage=self.shrinkage) for train, _ in folds]
        start = np.concatenate([own.start[past.goal[test]] for own, (_, test) in zip(additive, folds, strict=True)])
        linear = np.concatenate(
            [own.linear(past.matrix[test], past.goal[test]) for own, (_, test) in zip(additive, folds, strict=True)]
        )
        score = np.column_stack([linear, np.zeros(len(linear))])
        known = past.posted[tested]
        rows = tested[known]
        judged = fit_moments(
            past.goal[rows], start[known], score[known], past.actions[rows], weight[known], goals=len(past.goals)
        )
        trust = float(np.clip(judged.slope[0], 0.0, 1.0))
        additive = [own.scaled(trust) for own in additive]
        rounds, boosters = learner.cross(
            [(sample(train, own), sample(test, own)) for own, (train, test) in zip(additive, folds, strict=True)],
            _recency(folds, self.recency),
        )
        final = past.additive(everything, shrinkage=self.shrinkage).scaled(trust)
        text = learner.train(sample(everything, final), rounds=rounds)
        return final, start, trust * score + self._scores(past, boosters, folds, rounds), text

    def _learn_posted(self, past: Past, folds: list[Fold], tested: NDArray[np.intp]) -> tuple[FloatArray, str | None]:
        """Return the score of the tested rows, and the text of the final booster where there is one."""
        if not folds or not all(0 < past.posted[part].sum() < len(part) for fold in folds for part in fold):
            return np.zeros(len(tested)), None  # the share is calibration's to find

        def sample(rows: NDArray[np.intp]) -> Sample:
            return Sample(past.matrix[rows], past.posted[rows].astype(np.float64), None)

        learner = self._learner(past, "binary", binary_loss, monotone_constraints=past.directions.tolist())
        rounds, boosters = learner.cross(
            [(sample(train), sample(test)) for train, test in folds], _recency(folds, self.recency)
        )
        score = self._scores(past, boosters, folds, rounds)
        return score, learner.train(sample(np.arange(len(past.posted))), rounds=rounds)

    def _learn_thresholds(
        self, past: Past, folds: list[Fold]
    ) -> tuple[Callable[[FloatArray], FloatArray] | None, str | None]:
        """Return the second opinion on the tested rows, and the text of the final booster; None without folds."""
        if not folds:
            return None, None

        def sample(rows: NDArray[np.intp], scale: FloatArray) -> Sample:
            return Sample(*examples(past.matrix[rows], past.actions[rows], scale[past.goal[rows]], RUNGS), None)

        learner = self._learner(
            past,
            "binary",
            binary_loss,
            num_leaves=2 * self.leaves,
            # A row stands in the sample for several thresholds.
            min_data_in_leaf=self.min_rows * len(RUNGS) // (2 * EVERY),
            bagging_fraction=0.5,
            bagging_freq=1,
            monotone_constraints=[*past.directions.tolist(), -1],
        )
        scales = [past.start(train)[:, 0] for train, _ in folds]
        rounds, boosters = learner.cross(
            [(sample(train, scale), sample(test, scale)) for scale, (train, test) in zip(scales, folds, strict=True)],
            _recency(folds, self.recency),
        )
        opinions = [
            Opinion(
                Forest(booster.model_to_string(num_iteration=rounds), features=past.matrix.shape[1] + 1),
                past.matrix[test],
                scale[past.goal[test]],
                RUNGS,
            )
            for booster, scale, (_, test) in zip(boosters, scales, folds, strict=True)
        ]
        ends = np.cumsum([len(test) for _, test in folds])[:-1]

        def opinion(at_least: FloatArray) -> FloatArray:
            return np.concatenate([own(part) for own, part in zip(opinions, np.split(at_least, ends), strict=True)])

        everything = np.arange(len(past.actions))
        return opinion, learner.train(sample(everything, past.start(everything)[:, 0]), rounds=rounds)

    def _scores(self, past: Past, boosters: list[Any], folds: list[Fold], rounds: int) -> FloatArray:
        return np.concatenate(
            [
                booster.predict(past.matrix[test], raw_score=True, num_iteration=rounds, num_threads=self.n_threads)
                for booster, (_, test) in zip(boosters, folds, strict=True)
            ]
        )

    def _learner(self, past: Past, objective: Any, loss: Any, **parameters: Any) -> Learner:
        settings = {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows,
            "feature_fraction": self.feature_share,
            "max_bin": 63,
            "seed": self.seed,
            "num_threads": self.n_threads,
        }
        return Learner({**settings, **parameters}, past.encoding.text_columns, self.rounds, loss)


def _recency(folds: list[Fold], recency: float) -> FloatArray:
    """Return how much the rows of each fold count."""
    return recency ** np.arange(max(len(folds), 1), dtype=np.float64)[::-1]
