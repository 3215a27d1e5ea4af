"""One simulated marketplace for all tests of theory: its tables, its truth and what is hidden behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.sources import open_tables
from training.marketplace import population, simulate

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SEED = 7
INFLUENCERS, CAMPAIGNS = 2500, 300


class Market:
    """A marketplace as views of DuckDB: the contract's tables, `truth`, and with it `pairs` and `size`."""

    def __init__(self, folder: Path) -> None:
        self.folder = simulate(folder, influencers=INFLUENCERS, campaigns=CAMPAIGNS, seed=SEED, truth=True)
        self.connection = open_tables(folder).connection
        for view in (
            f"truth AS SELECT * REPLACE (decided_at::TIMESTAMP AS decided_at) FROM '{folder}/truth.parquet'",
            "size AS SELECT account_id, median(followers) AS followers FROM account_stats GROUP BY 1",
            """pairs AS SELECT *, expected_actions * value_per_action AS value FROM truth
               JOIN campaigns USING (campaign_id) JOIN accounts USING (account_id) JOIN size USING (account_id)""",
        ):
            self.connection.execute(f"CREATE VIEW {view}")
        # The first generator of a seed is the one that draws people.
        self.hidden = population.draw(INFLUENCERS, np.random.default_rng(np.random.SeedSequence(SEED).spawn(8)[0]))

    def __call__(self, sql: str) -> pd.DataFrame:
        return self.connection.execute(sql).df()

    def of_account(self, trait: str, account_ids: pd.Series) -> np.ndarray:
        """Return a hidden trait, of the account or else of its influencer."""
        values = getattr(self.hidden, trait)
        values = values if len(values) == len(self.hidden.owner) else values[self.hidden.owner]
        return values[account_ids.str[1:].astype(int)]


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    return Market(tmp_path_factory.mktemp("marketplace"))


@pytest.fixture(scope="session")
def outcomes(market: Market) -> pd.DataFrame:
    """Every activation with its brief and its truth."""
    return market("""
        SELECT o.*, p.* EXCLUDE (campaign_id, account_id, decided_at, fee), p.fee AS quoted, p.decided_at AS briefed_at
        FROM outcomes o JOIN pairs p ON p.campaign_id = o.campaign_id AND p.account_id = o.account_id
        ORDER BY o.campaign_id, o.account_id""")
