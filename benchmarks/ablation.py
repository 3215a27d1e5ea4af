"""What each family of features adds: `python -m benchmarks.ablation --help`.

A model is learnt with all features, and once more without each family; both are judged by the same walk-forward
backtest. On simulated marketplaces all candidates of the tested campaigns are judged against the truth, on other data
those who were hired against what came.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.markets import CAMPAIGNS, FOLDER, INFLUENCERS, market, prepared
from features import build
from features.catalogue import FEATURES
from training.backtest import backtest
from training.model import ActionModel
from training.policies import MODEL
from training.truth import MarketTruth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from features import EventStore

FAMILIES = tuple(dict.fromkeys(feature.family for feature in FEATURES.values()))
FIGURES = ("log_loss", "auc", "calibration_error")


class _Without:
    """The truth of a marketplace with some features left out; what was built once is kept."""

    def __init__(self, truth: MarketTruth) -> None:
        self._truth = truth
        self._kept: dict[tuple[str, ...], tuple[pd.DataFrame, pd.DataFrame]] = {}
        self.left_out: list[str] = []

    def candidates(self, campaign_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        key = tuple(campaign_ids)
        if key not in self._kept:
            pairs, X = self._truth.candidates(campaign_ids)
            self._kept[key] = pairs, X.astype(dict.fromkeys(FEATURES, np.float32))
        pairs, X = self._kept[key]
        return pairs, X.drop(columns=self.left_out)


def compared(
    store: EventStore, truth: MarketTruth | None, *, at_least: int | None, folds: int
) -> Iterator[dict[str, Any]]:
    """Yield the figures with all features, and without each family."""
    activations = store.activations()
    X = build(store, activations)
    candidates = None if truth is None else _Without(truth)
    for family in (None, *FAMILIES):
        left_out = [name for name, feature in FEATURES.items() if feature.family == family]
        if family is not None and X[left_out].isna().all(axis=None):
            continue
        if candidates is not None:
            candidates.left_out = left_out
        found = backtest(
            X.drop(columns=left_out),
            activations,
            model=ActionModel(),
            folds=folds,
            test_share=0.3,
            at_least=at_least,
            truth=candidates,
        )
        judged = found.metrics["truth"] or found.metrics
        figures = judged["likelihood"][MODEL]
        yield {"without": family or "nothing", "features": X.shape[1] - len(left_out)} | {
            name: figures[name]["value"] for name in FIGURES
        }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", "seeds", type=int, multiple=True, help="A marketplace to simulate; give it several times.")
@click.option("--data", "sources", multiple=True, metavar="DATA", help="Other data in the shape of the contract.")
@click.option("--at-least", type=int, help="Actions to ask for on --data; otherwise break-even, or 1.")
@INFLUENCERS
@CAMPAIGNS
@click.option("--folds", default=1, show_default=True, help="Blocks of the last 30 % of the activations.")
@FOLDER
def main(
    *,
    seeds: tuple[int, ...],
    sources: tuple[str, ...],
    at_least: int | None,
    influencers: int,
    campaigns: int,
    folds: int,
    folder: Path,
) -> None:
    """Say what each family of features adds; one JSON object per line.

    Log loss and AUC of the likelihood and its calibration error: of all candidates of the tested campaigns against the
    truth on marketplaces, of those who were hired against what came on other data. A family adds what is lost without
    it; families that the data cannot feed are left out.
    """
    for seed in seeds:
        place = market(seed, folder, influencers=influencers, campaigns=campaigns)
        store = prepared(place, folder)
        for figures in compared(store, MarketTruth(place / "truth.parquet", store), at_least=None, folds=folds):
            click.echo(json.dumps({"data": f"marketplace {seed}"} | figures))
    for source in sources:
        for figures in compared(prepared(source, folder), None, at_least=at_least, folds=folds):
            click.echo(json.dumps({"data": Path(source).name} | figures))


if __name__ == "__main__":
    main()
