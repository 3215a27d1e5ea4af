"""The data that models are compared on: simulated marketplaces, and other sources in the shape of the contract."""

from __future__ import annotations

from pathlib import Path

from features import EventStore, open_tables
from training.marketplace import simulate


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
