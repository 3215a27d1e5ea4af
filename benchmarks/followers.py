"""How well fake followers are told from real ones, and their share where it is not that of the labels.

Every share is estimated on followers that the classifier was not fitted on. Tables are separated by tabs; progress goes
to stderr.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, cross_val_score

from features.errors import DataError, ImpelError
from features.follower_classifier import COLUMNS, FollowerClassifier, default_classifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from features.events import FloatArray

BASE_RATES = (0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60)


def read(source: Path) -> tuple[pd.DataFrame, FloatArray]:
    """Return labelled profiles, and 1 for each fake one, from a folder with `followers.parquet` or from such a file."""
    path = source / "followers.parquet" if source.is_dir() else source
    if not path.is_file():
        raise DataError(f"There is no file {path}; give labelled followers, a Parquet file with the column fake.")
    table = pd.read_parquet(path)
    if "fake" not in table:
        raise DataError(f"{path} has no column fake; it has {', '.join(table.columns)}.")
    table = table[table["fake"].notna()]
    return table, table["fake"].to_numpy(np.float64)


def areas(table: pd.DataFrame, fake: FloatArray, *, seeds: int) -> FloatArray:
    """Return the AUC of five stratified folds, their mean, for each seed of the division."""
    return np.array(
        [
            cross_val_score(FollowerClassifier(), table, fake, scoring="roc_auc", cv=_folds(5, seed)).mean()
            for seed in range(seeds)
        ]
    )


def label_shift(
    table: pd.DataFrame, fake: FloatArray, *, rounds: int, size: int, classifier: FollowerClassifier | None = None
) -> pd.DataFrame:
    """Estimate the share of fakes in samples with other base rates.

    In each round the labelled followers are divided in three; from each third samples are drawn without replacement,
    their number of fakes binomial, and judged by a classifier fitted on the other two, or by the one given.

    Returns
    -------
    DataFrame
        Per base rate: mean, bias and standard deviation of the estimate, how often the 90 % interval held the base
        rate, and its mean width; bias and standard deviation of maximum likelihood (`likeliest`); and the bias of the
        mean probability, as a classifier that knows nothing of label shift gives it (`plain`).
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(rounds):
        for train, test in _folds(3, number).split(table, fake):
            fitted = classifier or FollowerClassifier().fit(table.iloc[train], fake[train])
            for rate in BASE_RATES:
                sample = table.iloc[_drawn(fake, test, rate, size, rng)]
                found = fitted.share(sample)
                rows.append(
                    {
                        "base_rate": rate,
                        "mean": found.share,
                        "bias": found.share - rate,
                        "sd": found.share,
                        "coverage": found.low <= rate <= found.high,
                        "width": found.high - found.low,
                        "em_bias": (em := likeliest(fitted, sample)) - rate,
                        "em_sd": em,
                        "plain_bias": plain(fitted, sample, fake[train].mean()) - rate,
                    }
                )
    how = {"sd": "std", "em_sd": "std"}
    return pd.DataFrame(rows).groupby("base_rate").agg({name: how.get(name, "mean") for name in list(rows[0])[1:]})


def likeliest(classifier: FollowerClassifier, sample: pd.DataFrame) -> float:
    """Return the share of fakes of greatest likelihood, by expectation and maximisation.

    Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
    Computation 2002.
    """
    probability = classifier.predict_proba(sample)[:, 1]
    share = classifier.base_rate
    for _ in range(100):
        share = _stated_at(share, probability, classifier.base_rate).mean()
    return float(share)


def plain(classifier: FollowerClassifier, sample: pd.DataFrame, labelled: float) -> float:
    """Return the mean probability of fake where it is stated at the share of fakes among the labelled followers."""
    return float(_stated_at(labelled, classifier.predict_proba(sample)[:, 1], classifier.base_rate).mean())


def default_auc(table: pd.DataFrame, fake: FloatArray) -> float:
    """Return the AUC on the labelled followers of the classifier that Impel comes with."""
    probability = default_classifier().predict_proba(table)[:, 1]
    difference = probability[fake == 1][:, None] - probability[fake == 0]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def seconds_per_million() -> float:
    """Time the scores of a million followers, the best of three."""
    rng = np.random.default_rng(0)
    profiles = {name: np.round(np.exp(rng.normal(5, 2, 1_000_000))) for name in COLUMNS[:3]}
    profiles |= {name: (rng.random(1_000_000) < 0.5).astype(np.float64) for name in COLUMNS[3:]}
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        default_classifier().scores(**profiles)
        taken.append(time.perf_counter() - start)
    return min(taken)


def _stated_at(share: float, probability: FloatArray, base_rate: float) -> FloatArray:
    odds = probability / (1 - probability) * (1 - base_rate) / base_rate * share / (1 - share)
    return odds / (1 + odds)


def _folds(number: int, seed: int) -> StratifiedKFold:
    return StratifiedKFold(number, shuffle=True, random_state=seed)


def _drawn(fake: FloatArray, rows: FloatArray, rate: float, size: int, rng: np.random.Generator) -> FloatArray:
    fakes, real = rows[fake[rows] == 1], rows[fake[rows] == 0]
    wanted = min(rng.binomial(size, rate), len(fakes))
    return np.concatenate([rng.choice(fakes, wanted, replace=False), rng.choice(real, size - wanted, replace=False)])


def _lines(arguments: argparse.Namespace) -> Iterator[str]:
    table, fake = read(arguments.data)
    yield f"# {len(table)} labelled followers, {int(fake.sum())} fake"
    yield "classifier\tauc\tsd\tlowest\thighest\tdivisions"
    found = areas(table, fake, seeds=arguments.seeds)
    figures = "\t".join(f"{value:.4f}" for value in (found.mean(), found.std(), found.min(), found.max()))
    yield f"fitted, five folds\t{figures}\t{len(found)}"
    yield f"default, all rows\t{default_auc(table, fake):.4f}\t\t\t\t"
    for name, classifier in (("fitted", None), ("default", default_classifier())):
        sys.stderr.write(f"shares, {name} classifier\n")
        shares = label_shift(table, fake, rounds=arguments.rounds, size=arguments.size, classifier=classifier)
        yield ""
        yield f"# shares by the {name} classifier: {3 * arguments.rounds} held-out samples of {arguments.size}"
        yield from shares.to_csv(sep="\t", float_format="%.3f").splitlines()
    yield ""
    yield f"# {seconds_per_million():.2f} s per million followers scored, one thread"


def main(words: Iterable[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.followers", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with followers.parquet, or such a file, with the column fake")
    parser.add_argument("--seeds", type=int, default=20, help="divisions into five folds for the AUC (default 20)")
    parser.add_argument("--rounds", type=int, default=200, help="divisions into thirds for the shares (default 200)")
    parser.add_argument("--size", type=int, default=40, help="followers in a sample (default 40)")
    try:
        for line in _lines(parser.parse_args(None if words is None else list(words))):
            sys.stdout.write(line + "\n")
    except ImpelError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
