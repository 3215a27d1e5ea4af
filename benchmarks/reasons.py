"""What reasons cost beside the predictions that they explain, whether they add up, and whether they stay.

    python -m benchmarks.reasons market

Trains on the closed activations of DATA and explains the same activations at break-even. Times are processor time,
medians of runs in turns; tables are separated by tabs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pandas as pd

from features import build
from serving.attribution import Attribution
from serving.predictor import Predictor
from serving.reasons import family_of
from training.files import prepared
from training.model import ActionModel
from training.train import closed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.attribution import Attributed
    from serving.bundle import Bundle
    from serving.distribution import FloatArray

ROWS = (1, 20, 100, 500)
NOISE = (0.001, 0.01, 0.1)
SHOWN = 5


def costs(bundle: Bundle, X: pd.DataFrame, at_least: FloatArray, *, repeats: int) -> Iterator[dict[str, float]]:
    """Yield milliseconds of a prediction, of its reasons, and of LightGBM's contributions, by number of rows."""
    boosters = _boosters(bundle)
    predictor, value = Predictor(bundle, version="benchmark"), np.ones(len(X))
    for rows in ROWS:
        some, asked, matrix = X.iloc[:rows], at_least[:rows], bundle.spec.encoding.matrix(X.iloc[:rows])
        works: dict[str, partial[Any]] = {
            "predict": partial(predictor.score, some, at_least=asked, value_per_action=value[: len(some)]),
            "reasons": partial(predictor.reasons.strongest, some, asked),
            "LightGBM's contributions": partial(_contributions, boosters, matrix),
        }
        yield {"rows": rows, **_milliseconds(works, repeats)}


def stability(
    attribute: Attribution, X: pd.DataFrame, at_least: FloatArray, *, seed: int
) -> Iterator[dict[str, float | str]]:
    """Yield how often families and features keep their places when inputs move a little."""
    before = attribute(X, at_least)
    random = np.random.default_rng(seed)
    numbers = X.select_dtypes("number")
    moved = {"1e-6 of each value": numbers * (1 + 1e-6 * random.choice([-1, 1], numbers.shape))}
    for part in NOISE:
        noise = random.standard_normal(numbers.shape) * numbers.std().to_numpy()
        moved[f"{part:g} deviations"] = numbers + part * noise
    for what, changed in moved.items():
        after = attribute(X.assign(**changed), at_least)
        row: dict[str, float | str] = {"moved by": what}
        for name, places in (("families", _families), ("features", _features)):
            one, two = places(attribute.bundle, before), places(attribute.bundle, after)
            row[f"first of {name}"] = float((one[:, 0] == two[:, 0]).mean())
            row[f"three {name} in order"] = float((one[:, :3] == two[:, :3]).all(axis=1).mean())
        one, two = np.sort(_features(attribute.bundle, before)), np.sort(_features(attribute.bundle, after))
        kept = [len(np.intersect1d(a, b)) for a, b in zip(one, two, strict=True)]
        yield {**row, "of five features kept": float(np.mean(kept))}


def _boosters(bundle: Bundle) -> list[lightgbm.Booster]:
    with tempfile.TemporaryDirectory() as scratch:
        return [lightgbm.Booster(model_file=file) for file in bundle.save(Path(scratch) / "bundle").glob("*.txt")]


def _contributions(boosters: list[lightgbm.Booster], matrix: FloatArray) -> None:
    for booster in boosters:
        wide = np.pad(matrix, ((0, 0), (0, booster.num_feature() - matrix.shape[1])))
        booster.predict(wide, pred_contrib=True, num_threads=1)


def _milliseconds(works: dict[str, partial[Any]], repeats: int) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            found[name].append(1e3 * (time.process_time() - start))
    return {name: float(np.median(times[1:])) for name, times in found.items()}


def _features(_: Bundle, found: Attributed) -> np.ndarray:
    return np.argsort(-np.abs(found.parts), axis=1, kind="stable")[:, :SHOWN]


def _families(bundle: Bundle, found: Attributed) -> np.ndarray:
    family, _ = pd.factorize(np.array([family_of(name) for name in bundle.features]))
    sums = np.stack([found.parts[:, family == code].sum(axis=1) for code in np.unique(family)], axis=1)
    return np.argsort(-np.abs(sums), axis=1, kind="stable")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", metavar="DATA", help="A folder, .duckdb file or event store of past campaigns.")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    store = prepared(options.data)
    past = closed(store)
    X = build(store, past)
    model = ActionModel(seed=options.seed).fit(
        X, past["actions"], decided_at=past["decided_at"], closed_at=past["closed_at"], posted=past["posted"]
    )
    order = np.random.default_rng(options.seed).permutation(len(X))
    X = X.iloc[order].reset_index(drop=True)
    even = np.exp(X["log_break_even"].to_numpy()).round()
    at_least = np.where(np.isnan(even), 1.0, even)
    bundle = model.bundle_
    print(_table(costs(bundle, X, at_least, repeats=options.repeats)))
    attribute = Attribution(bundle)
    found = attribute(X, at_least)
    missed = np.abs(found.base + found.parts.sum(axis=1) - found.likelihood).max()
    print(f"{len(X)} likelihoods: base and contributions miss them by {missed:.1e} at most\n")
    print(_table(stability(attribute, X, at_least, seed=options.seed)))


def _table(rows: Iterator[dict[str, float]] | Iterator[dict[str, float | str]]) -> str:
    return pd.DataFrame(rows).to_csv(sep="\t", index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
