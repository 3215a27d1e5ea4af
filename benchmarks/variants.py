"""The models that `benchmarks.models` compares: each learns from past activations and returns what answers.

All boosters have the same settings, and their number of trees is chosen walk-forward. Count models are calibrated like
the model that ships (`training.calibration`), so that only the idea in their name sets them apart.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd
from scipy import special
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from serving.distribution import ActionDistribution, mean_and_size
from serving.forest import Forest
from serving.thresholds import Opinion, examples
from training.additive import flat
from training.boosting import Learner, Sample, binary_loss, negative_binomial, negative_binomial_loss
from training.calibration import OutOfFold, calibrate
from training.model import RUNGS, ActionModel
from training.past import read_past
from training.splits import walk_forward

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from serving.distribution import FloatArray
    from training.additive import Additive
    from training.past import Past

    Answers = Callable[[pd.DataFrame, FloatArray], FloatArray]  # feature table and at_least -> likelihood

_FOLDS = 3
_ROUNDS = 400
_HALF_LIFE = 365.0  # days
_SETTINGS = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "seed": 0,
    "num_threads": 1,
}


class Activations(NamedTuple):
    """Past activations with what was asked of them; `funnel` holds impressions and clicks, where they are known."""

    X: pd.DataFrame
    rows: pd.DataFrame  # actions, posted, decided_at, closed_at
    at_least: FloatArray
    funnel: pd.DataFrame

    @property
    def past(self) -> Past:
        """Return them as the estimators want them."""
        rows = self.rows
        return read_past(self.X, rows["actions"], rows["posted"], rows["decided_at"], rows["closed_at"])

    @property
    def reached(self) -> FloatArray:
        """Return 1 where what was asked for was reached, else 0."""
        return (self.rows["actions"].to_numpy() >= self.at_least).astype(np.float64)


def classifier(given: Activations, *, seeds: int = 1, monotone: bool = False, recent: bool = False) -> Answers:
    """Learn "reached what was asked for" by LightGBM."""
    past, reached = given.past, given.reached
    constraints = {"monotone_constraints": past.directions.tolist()} if monotone else {}
    learner = _learner(past, "binary", binary_loss, **constraints)
    rounds, _ = learner.cross(
        [(Sample(past.matrix[a], reached[a], None), Sample(past.matrix[b], reached[b], None)) for a, b in _folds(past)],
        np.ones(len(_folds(past))),
    )
    age = (past.closed_at.max() - past.closed_at) / pd.Timedelta(days=1)
    weight = 0.5 ** (age / _HALF_LIFE).to_numpy() if recent else None
    data = lightgbm.Dataset(
        past.matrix, reached, weight=weight, categorical_feature=past.encoding.text_columns, free_raw_data=False
    )
    fixed = {"deterministic": True, "force_row_wise": True, "verbosity": -1}
    boosters = [
        lightgbm.train({**learner.parameters, **fixed, "seed": seed}, data, num_boost_round=rounds)
        for seed in range(seeds)
    ]

    def answer(X: pd.DataFrame, at_least: FloatArray) -> FloatArray:  # noqa: ARG001  the label was made with it
        matrix = past.encoding.matrix(X)
        return special.expit(np.mean([one.predict(matrix, raw_score=True) for one in boosters], axis=0))

    return answer


def thresholds(given: Activations) -> Answers:
    """Learn one classifier for all thresholds, which falls with them: the second opinion alone, as it comes."""
    past = given.past
    constraints = [0] * past.matrix.shape[1] + [-1]
    learner = _learner(past, "binary", binary_loss, monotone_constraints=constraints, min_data_in_leaf=80)

    def sample(rows: NDArray[np.intp], scale: FloatArray) -> Sample:
        return Sample(*examples(past.matrix[rows], past.actions[rows], scale[past.goal[rows]], RUNGS), None)

    folds = _folds(past)
    scales = [past.start(a)[:, 0] for a, _ in folds]
    rounds, _ = learner.cross(
        [(sample(a, scale), sample(b, scale)) for scale, (a, b) in zip(scales, folds, strict=True)],
        np.ones(len(folds)),
    )
    everything = np.arange(len(past.actions))
    scale = past.start(everything)[:, 0]
    forest = Forest(learner.train(sample(everything, scale), rounds=rounds), features=past.matrix.shape[1] + 1)

    def answer(X: pd.DataFrame, at_least: FloatArray) -> FloatArray:
        matrix = past.encoding.matrix(X)
        goal = matrix[:, past.encoding.features.index("goal")].astype(np.intp)
        return special.expit(Opinion(forest, matrix, scale[goal], RUNGS)(at_least))

    return answer


def counts(
    given: Activations,
    *,
    loss: str = "negative binomial",
    boosted: bool = True,
    curves: bool = False,
    posted: bool = False,
    dispersion: bool = False,
) -> Answers:
    """Learn the mean of the actions by a booster with a log link that starts from the goal's mean or from curves.

    Parameters
    ----------
    loss : "poisson", "tweedie" or "negative binomial"
        Of the mean; the tails are negative binomial in any case, with one size per goal.
    curves, boosted : bool
        Start from `training.additive`; correct by a booster.
    posted : bool
        A booster for being posted, and a mean of what was.
    dispersion : bool
        The booster learns the size along with the mean; for the negative binomial only.
    """
    past = given.past
    if not posted:
        past = past._replace(posted=np.ones(len(past.actions), dtype=bool))
    learner = _counting(past, loss)
    everything, folds = np.arange(len(past.actions)), _folds(past)

    def start(rows: NDArray[np.intp]) -> Additive:
        return past.additive(rows) if curves else flat(past.matrix.shape[1], past.start(rows))

    def sample(rows: NDArray[np.intp], own: Additive) -> Sample:
        found = past.sample(rows, own)
        return (
            found
            if loss == "negative binomial" or found.start is None
            else found._replace(start=found.start[:, 0].copy())
        )

    def score(booster: lightgbm.Booster, rounds: int, matrix: FloatArray, linear: FloatArray) -> FloatArray:
        found = np.column_stack([linear, np.zeros(len(matrix))])
        if boosted:
            added = np.asarray(booster.predict(matrix, raw_score=True, num_iteration=rounds)).reshape(len(matrix), -1)
            found[:, 0] += added[:, 0]
            found[:, 1] += added[:, -1] if dispersion else 0.0
        return found

    starts = [start(a) for a, _ in folds]
    rounds, boosters = learner.cross(
        [(sample(a, own), sample(b, own)) for own, (a, b) in zip(starts, folds, strict=True)], np.ones(len(folds))
    )
    final = start(everything)
    booster = lightgbm.Booster(model_str=learner.train(sample(everything, final), rounds=rounds))
    tested = np.concatenate([b for _, b in folds])
    posting = _posting(past, folds) if posted else (np.zeros(len(tested)), lambda matrix: np.zeros(len(matrix)))
    found = OutOfFold(
        goal=past.goal[tested],
        start=np.concatenate([own.start[past.goal[b]] for own, (_, b) in zip(starts, folds, strict=True)]),
        score=np.concatenate(
            [
                score(one, rounds, past.matrix[b], own.linear(past.matrix[b], past.goal[b]))
                for one, own, (_, b) in zip(boosters, starts, folds, strict=True)
            ]
        ),
        posted_score=posting[0],
        actions=past.actions[tested],
        posted=past.posted[tested],
        weight=np.ones(len(tested)),
        opinion=None,
    )
    calibration = calibrate(found, goals=len(past.goals))

    def answer(X: pd.DataFrame, at_least: FloatArray) -> FloatArray:
        matrix = past.encoding.matrix(X)
        goal = matrix[:, past.encoding.features.index("goal")].astype(np.intp)
        moments, maps, shape = calibration.moments, calibration.maps, calibration.posted
        said = score(booster, rounds, matrix, final.linear(matrix, goal))
        mean, size = mean_and_size((final.start + moments.shift)[goal] + moments.slope * said)
        shown = np.ones(len(X))
        if shape is not None:
            shown = special.expit(shape.intercept + shape.slope * posting[1](matrix))
        intercept, slope, correction = (part[goal] for part in (maps.intercept, maps.slope, maps.correction))
        return ActionDistribution(shown, mean, size, intercept, slope, correction).likelihood(at_least)

    return answer


def outsider(given: Activations, *, linear: bool) -> Answers:
    """Learn "reached what was asked for" by scikit-learn: a generalised linear model, or its histogram boosting."""
    past = given.past
    if linear:
        model = make_pipeline(
            QuantileTransformer(n_quantiles=100, output_distribution="normal"),
            SimpleImputer(),
            LogisticRegression(C=0.01, max_iter=1000),
        )
    else:
        model = HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_leaf_nodes=15,
            categorical_features=past.encoding.text_columns,
            early_stopping=True,
            random_state=0,
        )

    never = np.isnan(past.matrix).all(axis=0)

    def matrix(X: pd.DataFrame) -> FloatArray:
        numbers = past.encoding.matrix(X)
        numbers[:, never] = 0.0  # scikit-learn's boosting cannot bin a column without a number
        if not linear:
            return numbers
        texts = past.encoding.text_columns
        dummies = [
            numbers[:, [p]] == np.arange(len(past.encoding.categories[past.encoding.features[p]])) for p in texts
        ]
        return np.column_stack([np.delete(numbers, texts, axis=1), *dummies])

    model.fit(matrix(given.X), given.reached)
    return lambda X, at_least: model.predict_proba(matrix(X))[:, 1]  # noqa: ARG005  the label was made with it


def action_model(given: Activations, *, seeds: int = 1, **settings: Any) -> Answers:
    """Learn the model that ships; of several seeds the mean."""
    rows = given.rows
    times = {"decided_at": rows["decided_at"], "closed_at": rows["closed_at"], "posted": rows["posted"]}
    models = [ActionModel(seed=seed, **settings).fit(given.X, rows["actions"], **times) for seed in range(seeds)]
    return lambda X, at_least: np.mean([model.likelihood(X, at_least) for model in models], axis=0)


def funnel(given: Activations) -> Answers:
    """Learn impressions and clicks first, of all goals at once, and hand what is expected of them to the model.

    Past activations get what was expected walk-forward; the first of them, before any fold, what fits them.
    """
    past = given.past
    folds = _folds(past)
    wide, stages = given.X.copy(), {}
    for name in given.funnel:
        seen = given.funnel[name].to_numpy(np.float64)
        known = past.posted & np.isfinite(seen)
        of_stage = past._replace(actions=np.where(known, seen, 0.0), posted=known)
        own = of_stage.additive(np.arange(len(seen)))
        expected = own.linear(past.matrix, past.goal) + own.start[past.goal, 0]
        first = np.setdiff1d(np.arange(len(seen)), np.concatenate([b for _, b in folds]))
        for a, b in [(folds[0][0], first), *folds]:
            early = of_stage.additive(a)
            expected[b] = early.linear(past.matrix[b], past.goal[b]) + early.start[past.goal[b], 0]
        wide[f"expected_{name}"], stages[name] = expected, own
    learnt = action_model(given._replace(X=wide))

    def answer(X: pd.DataFrame, at_least: FloatArray) -> FloatArray:
        matrix = past.encoding.matrix(X)
        goal = matrix[:, past.encoding.features.index("goal")].astype(np.intp)
        more = {f"expected_{name}": own.linear(matrix, goal) + own.start[goal, 0] for name, own in stages.items()}
        return learnt(X.assign(**more), at_least)

    return answer


def mean(given: Activations, *, of: tuple[Callable[[Activations], Answers], ...]) -> Answers:
    """Learn several models; their mean logit answers."""
    members = [learn(given) for learn in of]
    return lambda X, at_least: special.expit(
        np.mean([special.logit(np.clip(one(X, at_least), 1e-9, 1 - 1e-9)) for one in members], axis=0)
    )


def _folds(past: Past) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    return list(walk_forward(past.decided_at, past.closed_at, folds=_FOLDS))


def _learner(past: Past, objective: Any, loss: Any, **parameters: Any) -> Learner:
    return Learner({"objective": objective, **_SETTINGS, **parameters}, past.encoding.text_columns, _ROUNDS, loss)


def _counting(past: Past, loss: str) -> Learner:
    if loss == "negative binomial":
        return _learner(past, negative_binomial, negative_binomial_loss, num_class=2)
    power = {"poisson": 1.0, "tweedie": 1.5}[loss]

    def deviance(score: FloatArray, data: lightgbm.Dataset) -> tuple[str, float, bool]:
        """Return the Tweedie loss of means, as LightGBM's own objectives hand them over."""
        actions = data.get_label()
        if power == 1.0:
            return "loss", float((score - special.xlogy(actions, score)).mean()), False
        fit = score ** (2 - power) / (2 - power) - actions * score ** (1 - power) / (1 - power)
        return "loss", float(fit.mean()), False

    return _learner(past, loss, deviance, **({"tweedie_variance_power": power} if loss == "tweedie" else {}))


def _posting(
    past: Past, folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
    """Return the out-of-fold scores of being posted, and what scores others."""
    if past.posted.all():
        return np.zeros(sum(len(b) for _, b in folds)), lambda matrix: np.zeros(len(matrix))
    label = past.posted.astype(np.float64)
    learner = _learner(past, "binary", binary_loss)
    rounds, boosters = learner.cross(
        [(Sample(past.matrix[a], label[a], None), Sample(past.matrix[b], label[b], None)) for a, b in folds],
        np.ones(len(folds)),
    )
    found = np.concatenate(
        [
            one.predict(past.matrix[b], raw_score=True, num_iteration=rounds)
            for one, (_, b) in zip(boosters, folds, strict=True)
        ]
    )
    booster = lightgbm.Booster(model_str=learner.train(Sample(past.matrix, label, None), rounds=rounds))
    return found, partial(booster.predict, raw_score=True)


NB = partial(counts, curves=True, posted=True, dispersion=True)
VARIANTS: dict[str, Callable[[Activations], Answers]] = {
    "classifier": classifier,
    "classifier, monotone": partial(classifier, monotone=True),
    "classifier, recency": partial(classifier, recent=True),
    "classifier, 5 seeds": partial(classifier, seeds=5),
    "threshold as input": thresholds,
    "scikit-learn boosting": partial(outsider, linear=False),
    "logistic regression": partial(outsider, linear=True),
    "Poisson mean": partial(counts, loss="poisson"),
    "Tweedie mean": partial(counts, loss="tweedie"),
    "negative binomial mean": counts,
    "+ no-show": partial(counts, posted=True),
    "+ dispersion of the pair": partial(counts, posted=True, dispersion=True),
    "curves, no-show": partial(counts, curves=True, boosted=False, posted=True),
    "curves, no-show, booster": NB,
    "mean of that and classifier": partial(mean, of=(NB, classifier)),
    "funnel": funnel,
    "ActionModel": action_model,
    "ActionModel, 3 seeds": partial(action_model, seeds=3),
}
