"""The data that models are compared on: simulated marketplaces, and other sources in the shape of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from scipy import stats

from features import EventStore, open_tables
from training.marketplace import simulate

if TYPE_CHECKING:
    import pandas as pd

    from serving.distribution import FloatArray

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


def reach(rows: pd.DataFrame, at_least: FloatArray) -> FloatArray:
    """Return the true P(actions >= at_least) of rows of `MarketTruth.pairs`, shape (n,)."""
    size, mean, posted = (rows[name] for name in ("dispersion", "mean_actions", "posted_probability"))
    reached = posted * stats.nbinom.sf(at_least - 1, size, size / (size + mean))
    return np.where(at_least <= 0, 1.0, reached)
