"""Which model foresees actions best: `python -m benchmarks.models --help`.

Every variant of `benchmarks.variants` learns from the same walk-forward folds. On simulated marketplaces candidates of
the campaigns of the last 30 % are judged against the truth, at the break-even threshold; on real data those who were
hired against what came.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
import pandas as pd

from benchmarks.markets import CAMPAIGNS, FOLDER, INFLUENCERS, drawn, market, prepared, splits
from benchmarks.variants import VARIANTS, Activations
from features import build, open_tables
from features.offer import break_even_or_one
from training import metrics
from training.truth import MarketTruth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.distribution import FloatArray

BINS = 15
AFTERWARDS = ("tweets_after", "retweets_after", "likes_after", "stars_3d_after", "new_committers_3d_after")
GITHUB = {"stars": ("stars_3d_after", 10.0), "committers": ("new_committers_3d_after", 1.0)}
WINDOW = pd.Timedelta(days=3)


class Fold(NamedTuple):
    """What is learnt from, and what is asked: a feature table, thresholds, and outcomes or true probabilities."""

    given: Activations
    X: pd.DataFrame
    at_least: FloatArray
    outcome: FloatArray


def of_market(place: Path, folder: Path, *, folds: int, share: float) -> Iterator[Fold]:
    """Yield the folds of a marketplace; a share of all candidates, drawn at random, is judged."""
    store = prepared(place, folder)
    rows = store.activations()
    X, truth = build(store, rows), MarketTruth(place / "truth.parquet", store)
    at_least = break_even_or_one(rows["fee"], rows["value_per_action"])
    funnel = _funnel(place, rows)
    for train, test in splits(rows, folds=folds):
        pairs = drawn(truth, rows.iloc[test], share=share)
        given = Activations(X.iloc[train], rows.iloc[train], at_least[train], funnel.iloc[train])
        yield Fold(given, build(store, pairs), *pairs[["at_least", "likelihood"]].to_numpy(np.float64).T)


def of_source(source: str, folder: Path, *, folds: int, at_least: float) -> Iterator[Fold]:
    """Yield the folds of data in the shape of the contract."""
    store = prepared(source, folder)
    rows = store.activations()
    yield from _hired(build(store, rows), rows, _funnel(Path(source), rows), folds=folds, at_least=at_least)


def of_github(place: Path, what: str, *, folds: int, record: bool = False) -> Iterator[Fold]:
    """Yield the folds of promoted repositories: what was known before, and what came within three days.

    With `record` there is one more feature: by how much earlier bursts of the repository surpassed what was usual.
    """
    bursts = pd.read_parquet(place / "bursts.parquet").sort_values("at", kind="stable").reset_index(drop=True)
    column, at_least = GITHUB[what]
    if record:
        bursts["past_performance"] = past_performance(bursts, column)
    bursts = bursts[bursts["promoted"]].reset_index(drop=True)
    at = bursts["at"].dt.tz_localize(None)
    X = bursts.drop(columns=["repository", "burst_id", "promoted", "at", *AFTERWARDS]).astype(np.float64)
    rows = pd.DataFrame(
        {
            "actions": bursts[column],
            "posted": True,
            "decided_at": at,
            "closed_at": at + WINDOW,
            "campaign_id": bursts["burst_id"],
        }
    )
    nothing = pd.DataFrame(index=rows.index)
    yield from _hired(
        X.assign(goal=pd.array([what] * len(X), dtype="str")), rows, nothing, folds=folds, at_least=at_least
    )


def past_performance(bursts: pd.DataFrame, column: str) -> FloatArray:
    """Return mean log1p of a repository's earlier outcomes less what was usual, shrunk by one more; NaN without any.

    An outcome is known once its window has closed; `bursts` are in the order of time.
    """
    log = np.log1p(bursts[column].to_numpy(np.float64))
    usual = pd.Series(log).expanding().mean().shift(fill_value=0.0)
    known = pd.DataFrame(
        {"repository": bursts["repository"], "at": bursts["at"] + WINDOW, "sum": log - usual, "count": 1.0}
    )
    known[["sum", "count"]] = known.groupby("repository")[["sum", "count"]].cumsum()
    found = pd.merge_asof(bursts[["repository", "at"]], known, on="at", by="repository")
    return (found["sum"] / (found["count"] + 1)).to_numpy()


def compared(folds: list[Fold], names: tuple[str, ...], *, truth: bool) -> Iterator[dict[str, Any]]:
    """Yield the figures of each variant over all folds; the first is what the others are measured by."""
    outcome = np.concatenate([fold.outcome for fold in folds])
    best = metrics.log_losses(outcome, outcome).mean()
    plain = None
    for name in names:
        seconds, said = 0.0, []
        for fold in folds:
            start = time.process_time()
            answer = VARIANTS[name](fold.given)
            seconds += time.process_time() - start
            said.append(answer(fold.X, fold.at_least))
        likelihood = np.concatenate(said)
        loss = float(metrics.log_losses(outcome, likelihood).mean())
        plain = loss if plain is None else plain
        yield {
            "variant": name,
            "log_loss": loss,
            "auc": metrics.auc(outcome, likelihood),
            "brier": float(metrics.brier_scores(outcome, likelihood).mean()),
            "calibration_error": metrics.calibration_error(metrics.reliability(outcome, likelihood, bins=BINS)),
            "way": (plain - loss) / (plain - best) if truth else None,
            "cpu_seconds": seconds,
        }


def _hired(X: pd.DataFrame, rows: pd.DataFrame, funnel: pd.DataFrame, *, folds: int, at_least: float) -> Iterator[Fold]:
    asked = np.full(len(rows), at_least)
    outcome = (rows["actions"].to_numpy() >= at_least).astype(np.float64)
    for train, test in splits(rows, folds=folds):
        given = Activations(X.iloc[train], rows.iloc[train], asked[train], funnel.iloc[train])
        yield Fold(given, X.iloc[test], asked[test], outcome[test])


def _funnel(source: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Return impressions and clicks of the activations, as far as any are known."""
    with open_tables(str(source)) as tables:
        seen = tables.connection.execute("SELECT campaign_id, account_id, impressions, clicks FROM outcomes").df()
    merged = rows[["campaign_id", "account_id"]].merge(seen, on=["campaign_id", "account_id"], how="left")
    return merged[["impressions", "clicks"]].dropna(axis=1, how="all")


def _path(name: str) -> Any:
    return click.option(name, type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", "seeds", type=int, multiple=True, help="A marketplace to simulate; give it several times.")
@INFLUENCERS
@CAMPAIGNS
@click.option("--share", default=0.2, show_default=True, help="Share of a marketplace's candidates that is judged.")
@click.option("--data", "sources", multiple=True, metavar="DATA", help="Other data in the shape of the contract.")
@click.option("--at-least", default=20.0, show_default=True, help="Actions to ask for on --data.")
@_path("--github")
@click.option("--folds", default=1, show_default=True, help="Blocks of the last 30 % of the activations.")
@click.option("--variant", "names", type=click.Choice(list(VARIANTS)), multiple=True, help="By default all.")
@FOLDER
def main(
    *,
    seeds: tuple[int, ...],
    influencers: int,
    campaigns: int,
    share: float,
    sources: tuple[str, ...],
    at_least: float,
    github: Path | None,
    folds: int,
    names: tuple[str, ...],
    folder: Path,
) -> None:
    """Compare models; one JSON object per variant and data set.

    Log loss, AUC, Brier score and calibration error (15 bins of equal count) of the likelihood, on marketplaces also
    how much of the way from the first variant's log loss to the truth's is gone, and CPU seconds of the fits.
    """
    cases: dict[str, Iterator[Fold]] = {}
    for seed in seeds:
        place = market(seed, folder, influencers=influencers, campaigns=campaigns)
        cases[f"marketplace {seed}"] = of_market(place, folder, folds=folds, share=share)
    for source in sources:
        cases[Path(source).name] = of_source(source, folder, folds=folds, at_least=at_least)
    if github is not None:
        cases |= {f"github {what}": of_github(github, what, folds=folds) for what in GITHUB}
        cases["github stars, own record"] = of_github(github, "stars", folds=folds, record=True)
    for data, parts in cases.items():
        found = list(parts)
        for figures in compared(found, names or tuple(VARIANTS), truth=data.startswith("marketplace")):
            click.echo(json.dumps({"data": data} | figures))


if __name__ == "__main__":
    main()
