"""The lift of a treatment from observations: what those treated had more than they would have had without it.

Who is promoted differs from who is not, so the plain difference of both mixes what promotion did with who was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import pandas as pd
from scipy.stats import norm

from features.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from training.metrics import FloatArray

COVERAGE = 0.95
MOST_PROPENSITY = 0.9
"""Treated above it have next to nobody untreated alike, and are left out (Crump et al. 2009)."""
FEWEST = 30
"""Treated and untreated rows, each, that are needed."""
_ROUNDS = 100


@dataclass(frozen=True)
class Difference:
    """A difference of two means, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Lift:
    """What `estimate_lift` found.

    Attributes
    ----------
    naive
        Mean of the treated less mean of the untreated: no lift, and not to be taken for one.
    adjusted
        The average effect on the treated.
    treated_mean, without_mean
        Mean outcome of the treated that count, and what it would have been without treatment.
    treated, untreated
        Rows.
    left_out
        Share of the treated that have next to nobody untreated alike; `adjusted` says nothing of them.
    effective
        As many equally weighted untreated rows would say as much (Kish).
    balance
        By covariate: mean of the treated and of the untreated, and their standardised difference before and after
        weighing the untreated. Below 0.1 counts as balanced (Austin 2009).
    """

    naive: Difference
    adjusted: Difference
    treated_mean: float
    without_mean: float
    treated: int
    untreated: int
    left_out: float
    effective: float
    balance: pd.DataFrame


def estimate_lift(
    treated: ArrayLike,
    outcome: ArrayLike,
    covariates: pd.DataFrame,
    groups: ArrayLike,
    *,
    folds: int = 5,
    seed: int = 0,
) -> Lift:
    """Estimate the average effect of a treatment on the treated.

    Doubly robust (augmented inverse propensity weighting: Robins, Rotnitzky and Zhao 1994): the outcome without
    treatment is foreseen from the covariates, and what that misses among the untreated, weighed so that they look like
    the treated, corrects it. Right if either the outcome or the propensity is foreseen well. Both come from gradient
    boosting on folds that the row is not part of (cross-fitting: Chernozhukov et al. 2018). It rests on the covariates
    holding everything that decides upon treatment and moves the outcome; no data can show that they do.

    Parameters
    ----------
    treated : array of bool, shape (n,)
    outcome : array of shape (n,)
    covariates : DataFrame of n rows
        Numbers known before the treatment; NaN is unknown.
    groups : array of shape (n,)
        Rows that belong together, such as those of one account: they share a fold, and standard errors are clustered
        by group.
    folds, seed
        Of cross-fitting.

    Raises
    ------
    DataError
        Fewer than 30 treated or untreated rows, or, once those without overlap are left out, 30 treated; fewer groups
        than folds; lengths that differ; an outcome that is not finite.
    """
    t, y, x = np.asarray(treated, dtype=bool), np.asarray(outcome, dtype=np.float64), covariates.to_numpy(np.float64)
    group, names = pd.factorize(np.asarray(groups))
    _check(t, y, x, group, enough=len(names) >= folds)
    fold = np.random.default_rng(seed).permutation(len(names))[group] % folds
    propensity, without = np.empty(len(t)), np.empty(len(t))
    for number in range(folds):
        out, rest = fold == number, fold != number
        propensity[out] = _foreseen("binary", x[rest], t[rest], x[out], seed=seed)
        without[out] = _foreseen("regression", x[rest & ~t], y[rest & ~t], x[out], seed=seed)
    alike = propensity <= MOST_PROPENSITY
    if (t & alike).sum() < FEWEST:
        raise DataError(
            f"only {(t & alike).sum()} treated rows have untreated ones alike; at least {FEWEST} are needed"
        )
    weight = np.where(t | ~alike, 0.0, propensity / (1 - propensity))
    of_treated = (t & alike).astype(np.float64)
    adjusted = _difference(y - without, of_treated, weight, group)
    treated_mean = float(np.average(y, weights=of_treated))
    return Lift(
        naive=_difference(y, t.astype(np.float64), (~t).astype(np.float64), group),
        adjusted=adjusted,
        treated_mean=treated_mean,
        without_mean=treated_mean - adjusted.value,
        treated=int(t.sum()),
        untreated=int((~t).sum()),
        left_out=float((t & ~alike).sum() / t.sum()),
        effective=float(weight.sum() ** 2 / (weight**2).sum()),
        balance=_balance(covariates, t, of_treated, weight),
    )


def matched_difference(treated: ArrayLike, outcome: ArrayLike, sets: ArrayLike) -> Difference:
    """Return the mean over matched sets of the treated's mean less the untreated's; sets without either do not count.

    The interval takes sets as independent. DataError where fewer than 30 sets count.
    """
    rows = pd.DataFrame({"set": np.asarray(sets), "treated": np.asarray(treated, dtype=bool), "outcome": outcome})
    means = rows.pivot_table("outcome", "set", "treated").reindex(columns=[True, False])
    gaps = (means[True] - means[False]).dropna().to_numpy(dtype=np.float64)
    if len(gaps) < FEWEST:
        raise DataError(f"only {len(gaps)} sets have both treated and untreated rows; at least {FEWEST} are needed")
    return _interval(float(gaps.mean()), float(gaps.std(ddof=1) / np.sqrt(len(gaps))))


def _foreseen(
    objective: str, x: FloatArray, y: FloatArray | NDArray[np.bool_], asked: FloatArray, *, seed: int
) -> FloatArray:
    """Return what boosting expects of the rows asked for: a probability or a mean."""
    settings = {
        "objective": objective,
        "learning_rate": 0.05,
        "num_leaves": 8,
        "min_data_in_leaf": 20,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y), num_boost_round=_ROUNDS)
    return np.asarray(booster.predict(asked, num_threads=1), dtype=np.float64)


def _difference(amount: FloatArray, first: FloatArray, second: FloatArray, group: NDArray[np.intp]) -> Difference:
    """Return the difference of two weighted means of an amount; the variance is that of sums over groups."""
    one, other = np.average(amount, weights=first), np.average(amount, weights=second)
    influence = first * (amount - one) / first.sum() - second * (amount - other) / second.sum()
    sums = np.bincount(group, influence)
    return _interval(float(one - other), float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum())))


def _interval(value: float, error: float) -> Difference:
    half = float(norm.ppf(0.5 + COVERAGE / 2)) * error
    return Difference(value, value - half, value + half)


def _balance(
    covariates: pd.DataFrame, treated: NDArray[np.bool_], of_treated: FloatArray, weight: FloatArray
) -> pd.DataFrame:
    found = []
    for name in covariates:
        values = covariates[name].to_numpy(np.float64)
        known = np.isfinite(values)
        one, other = values[known & treated], values[known & ~treated]
        spread = np.sqrt((one.var() + other.var()) / 2)
        weighed = np.average(values[known], weights=of_treated[known]) - np.average(
            values[known], weights=weight[known]
        )
        found.append(
            {
                "covariate": str(name),
                "treated": one.mean(),
                "untreated": other.mean(),
                "before": (one.mean() - other.mean()) / spread if spread > 0 else 0.0,
                "after": weighed / spread if spread > 0 else 0.0,
            }
        )
    return pd.DataFrame(found)


def _check(t: NDArray[np.bool_], y: FloatArray, x: FloatArray, group: NDArray[np.intp], *, enough: bool) -> None:
    if not len(t) == len(y) == len(x) == len(group):
        raise DataError(
            f"treated has {len(t)} rows, outcome {len(y)}, covariates {len(x)}, groups {len(group)}; give one per row"
        )
    if not np.isfinite(y).all():
        raise DataError("the outcome must be finite numbers; leave out the rows whose outcome is unknown")
    if min(t.sum(), (~t).sum()) < FEWEST:
        raise DataError(f"{t.sum()} treated and {(~t).sum()} untreated rows; at least {FEWEST} of each are needed")
    if not enough:
        raise DataError("there are fewer groups than folds; give more groups, or ask for fewer folds")
