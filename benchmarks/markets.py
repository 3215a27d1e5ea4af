"""The data that models are compared on: simulated marketplaces, and other sources in the shape of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from scipy import stats

from features import EventStore, open_tables
from training.marketplace import simulate
from training.splits import walk_forward

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from serving.distribution import FloatArray
    from training.truth import MarketTruth

FIRST_SHARE = 0.7
"""Share of the activations, the first ones, that is learnt from."""
INFLUENCERS = click.option("--influencers", default=2_500, show_default=True, help="Size of a marketplace.")
CAMPAIGNS = click.option("--campaigns", default=300, show_default=True, help="Size of a marketplace.")
FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".impel/benchmarks"),
    show_default=True,
    help="Where marketplaces and stores are kept.",
)


def market(seed: int, folder: Path, *, influencers: int, campaigns: int) -> Path:
    """Return the folder of a marketplace with its truth; it is simulated once."""
    place = folder / f"market-{seed}-{influencers}x{campaigns}"
    if not (place / "truth.parquet").exists():
        simulate(place, influencers=influencers, campaigns=campaigns, seed=seed, truth=True)
    return place


def prepared(source: str | Path, folder: Path) -> EventStore:
    """Return the event store of a source; it is prepared once."""
    with open_tables(str(source)) as tables:
        return EventStore.prepare(tables, folder / "stores" / Path(source).name)


def splits(rows: pd.DataFrame, *, folds: int = 1) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield positions of the activations learnt from and of those of later campaigns, in blocks of the last 30 %."""
    times = rows["decided_at"], rows["closed_at"]
    return walk_forward(*times, folds=folds, first_share=FIRST_SHARE, groups=rows["campaign_id"])


def drawn(truth: MarketTruth, tested: pd.DataFrame, *, share: float) -> pd.DataFrame:
    """Return a share, drawn at random, of the candidates that were decided on from the first tested activation on.

    They are those of the campaigns of these activations, hired or not, as rows of `MarketTruth.pairs`.
    """
    pairs = truth.pairs(tested["campaign_id"].unique())
    pairs = pairs[pairs["decided_at"] >= tested["decided_at"].min()]
    return pairs.sample(frac=share, random_state=0).sort_index().reset_index(drop=True)


def reach(rows: pd.DataFrame, at_least: FloatArray) -> FloatArray:
    """Return the true P(actions >= at_least) of rows of `MarketTruth.pairs`, shape (n,)."""
    size, mean, posted = (rows[name] for name in ("dispersion", "mean_actions", "posted_probability"))
    reached = posted * stats.nbinom.sf(at_least - 1, size, size / (size + mean))
    return np.where(at_least <= 0, 1.0, reached)
