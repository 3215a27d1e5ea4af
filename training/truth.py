"""The truth of a simulated marketplace, for judging a model on all candidates and not only on those who were hired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from features import build
from features.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from features.store import EventStore


class MarketTruth:
    """Reads `truth.parquet`, some campaigns at a time, and builds the features of its candidates.

    Parameters
    ----------
    path : Path
        What `simulate(..., truth=True)` wrote.
    store : EventStore
        Prepared from the same marketplace.
    """

    def __init__(self, path: Path, store: EventStore) -> None:
        if not path.is_file():
            raise DataError(f"There is no truth at {path}; `impel simulate DIR --truth` writes it.")
        self.path = path
        self.store = store

    def pairs(self, campaign_ids: Sequence[str]) -> pd.DataFrame:
        """Return all candidates of these campaigns with the true figures."""
        rows = pq.read_table(self.path, filters=[("campaign_id", "in", list(campaign_ids))]).to_pandas()
        # Who could not have been hired is no candidate.
        rows = rows[rows["propensity"] > 0].reset_index(drop=True)
        rows["decided_at"] = rows["decided_at"].dt.tz_localize(None)
        return rows

    def candidates(self, campaign_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all candidates of these campaigns with the true figures, and their features in the same order."""
        rows = self.pairs(campaign_ids)
        return rows, build(self.store, rows)
