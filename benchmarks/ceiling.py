"""How far any model could go with these features: `python -m benchmarks.ceiling --help`.

A booster is taught the *true* expected actions and *true* likelihoods of candidates of other simulated marketplaces, so
that neither luck nor want of outcomes can hurt it. What it misses of the truth, the features do not show; what the
model that ships misses beyond that is for want of outcomes, or its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click
import lightgbm
import numpy as np
import pandas as pd

from benchmarks.markets import CAMPAIGNS, FOLDER, INFLUENCERS, market, prepared
from benchmarks.rosters import judged, learnt, lines, shares
from features import build
from training import metrics
from training.policies import MODEL, ORACLE, PER_FEE
from training.truth import MarketTruth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from features.store import EventStore
    from serving.distribution import FloatArray
    from serving.encoding import Encoding

_AT_ONCE = 20_000  # candidates whose features are in memory at a time
_ROUNDS, _PATIENCE = 2_000, 50
_SETTINGS = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class Taught(NamedTuple):
    """What was learnt from truth: the log of the expected actions, what to multiply with, and the likelihood."""

    log_actions: lightgbm.Booster
    likelihood: lightgbm.Booster
    smearing: dict[float, float]  # by code of the goal: the mean of an exponential is more than that of the mean


class Lesson(NamedTuple):
    """Candidates with the truth: encoded features with log `at_least` as the last column, and true figures."""

    matrix: FloatArray
    actions: FloatArray
    likelihood: FloatArray


def lesson(store: EventStore, pairs: pd.DataFrame, encoding: Encoding) -> Lesson:
    """Return candidates as lessons; `pairs` are rows of the truth."""
    parts = [pairs.iloc[start : start + _AT_ONCE] for start in range(0, len(pairs), _AT_ONCE)]
    matrix = np.vstack([told(part, build(store, part.reset_index(drop=True)), encoding) for part in parts])
    return Lesson(matrix, *pairs[["expected_actions", "likelihood"]].to_numpy(np.float64).T)


def told(pairs: pd.DataFrame, X: pd.DataFrame, encoding: Encoding) -> FloatArray:
    """Return what the boosters are told of candidates: see `Lesson`."""
    return np.column_stack([encoding.matrix(X), np.log(pairs["at_least"].to_numpy(np.float64))])


class Asked:
    """The candidates that the model is judged on; what the boosters are told of them is kept as they are built."""

    def __init__(self, truth: MarketTruth, encoding: Encoding) -> None:
        self._truth, self._encoding = truth, encoding
        self._told: list[tuple[pd.Series, FloatArray]] = []

    def candidates(self, campaign_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return candidates with the true figures, and their features; see `MarketTruth`."""
        pairs, X = self._truth.candidates(campaign_ids)
        self._told.append((pairs["campaign_id"], told(pairs, X, self._encoding)))
        return pairs, X

    def told(self, campaign_ids: Sequence[str]) -> FloatArray:
        """Return what the boosters are told of the candidates of these campaigns, in the order they were asked for."""
        return np.vstack([matrix[campaign.isin(campaign_ids)] for campaign, matrix in self._told])


def teach(lessons: list[Lesson], encoding: Encoding) -> Taught:
    """Learn from all lessons but the last, which says when to stop."""
    *given, last = lessons

    def booster(objective: str, labels: list[FloatArray]) -> lightgbm.Booster:
        data = lightgbm.Dataset(
            np.vstack([one.matrix for one in given]),
            np.concatenate(labels[:-1]),
            categorical_feature=encoding.text_columns,
        )
        return lightgbm.train(
            {**_SETTINGS, "objective": objective},
            data,
            num_boost_round=_ROUNDS,
            valid_sets=[data.create_valid(last.matrix, labels[-1])],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )

    log_actions = booster("regression", [np.log(one.actions) for one in lessons])
    said = np.exp(np.asarray(log_actions.predict(last.matrix)))
    goal = last.matrix[:, encoding.features.index("goal")]
    smearing = {code: float(last.actions[goal == code].sum() / said[goal == code].sum()) for code in np.unique(goal)}
    return Taught(log_actions, booster("cross_entropy", [one.likelihood for one in lessons]), smearing)


def as_taught(everyone: pd.DataFrame, matrix: FloatArray, taught: Taught, encoding: Encoding) -> pd.DataFrame:
    """Return all candidates with what was learnt from truth in the place of what the model says."""
    goal = matrix[:, encoding.features.index("goal")]
    smearing = np.array([taught.smearing.get(code, 1.0) for code in goal])
    actions = np.exp(np.asarray(taught.log_actions.predict(matrix))) * smearing
    value = actions * (everyone["value"] / everyone["actions"]).to_numpy(np.float64)  # what an action is worth
    fee = everyone["fee"].to_numpy(np.float64)
    return everyone.assign(
        **{
            f"likelihood_{MODEL}": np.asarray(taught.likelihood.predict(matrix)),
            "expected_value": value,
            f"score_{MODEL}": value - fee,
            f"score_{MODEL}{PER_FEE}": value / fee,
        }
    )


def as_true(everyone: pd.DataFrame) -> pd.DataFrame:
    """Return all candidates with the truth in the place of what the model says."""
    oracle = {f"score_{MODEL}{suffix}": everyone[f"score_{ORACLE}{suffix}"] for suffix in ("", PER_FEE)}
    return everyone.assign(
        **oracle, **{f"likelihood_{MODEL}": everyone["outcome"], "expected_value": everyone["value"]}
    )


def figures(everyone: pd.DataFrame, hired: pd.DataFrame) -> dict[str, float]:
    """Return log loss and AUC against the true likelihood, errors of log values, and what rosters earn."""
    true, said = (everyone[name].to_numpy(np.float64) for name in ("outcome", f"likelihood_{MODEL}"))
    missed = np.log(everyone["expected_value"] / everyone["value"])
    earned = shares(everyone, hired).loc["all"]
    return {
        "log loss": float(metrics.log_losses(true, said).mean()),
        "AUC": metrics.auc(true, said),
        "variance of the log value's error": float(missed.var()),
        "twenty places: value": earned["value"],
        "twenty places: after fees": earned["net_value"],
        "as much spent: value": earned["spend_value"],
        "as much spent: after fees": earned["spend_net_value"],
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="A marketplace to ask about.")
@click.option("--teach", "teachers", type=int, multiple=True, required=True, help="One to learn from; two at least.")
@click.option("--candidates", default=25_000, show_default=True, help="Of each marketplace that is learnt from.")
@INFLUENCERS
@CAMPAIGNS
@FOLDER
def main(
    *,
    seeds: tuple[int, ...],
    teachers: tuple[int, ...],
    candidates: int,
    influencers: int,
    campaigns: int,
    folder: Path,
) -> None:
    """Print how close the model comes to the truth, and how close the features would let anyone come."""
    if len(teachers) < 2 or set(teachers) & set(seeds):
        raise click.UsageError("--teach needs two marketplaces at least, none of which is asked about.")

    def opened(seed: int) -> tuple[EventStore, MarketTruth]:
        place = market(seed, folder, influencers=influencers, campaigns=campaigns)
        store = prepared(place, folder)
        return store, MarketTruth(place / "truth.parquet", store)

    for seed in seeds:
        store, truth = opened(seed)
        fold, hired = learnt(store)
        encoding = fold.model.bundle_.spec.encoding
        lessons = []
        for teacher in teachers:
            other, known = opened(teacher)
            pairs = known.pairs(other.activations()["campaign_id"].unique())
            pairs = pairs.sample(min(candidates, len(pairs)), random_state=0)
            lessons.append(lesson(other, pairs, encoding))
            click.echo(f"  {len(pairs):,} candidates of marketplace {teacher}", err=True)
        taught = teach(lessons, encoding)
        asked = Asked(truth, encoding)
        everyone = judged(fold, hired, asked)
        matrix = asked.told(everyone["campaign_id"].unique())
        found = {
            "the model": figures(everyone, hired),
            "taught the truth": figures(as_taught(everyone, matrix, taught, encoding), hired),
            "the truth": figures(as_true(everyone), hired),
        }
        click.echo(f"\nmarketplace {seed}\n")
        for line in lines(pd.DataFrame.from_dict(found, orient="index"), of=""):
            click.echo(line)


if __name__ == "__main__":
    main()
