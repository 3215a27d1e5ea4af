"""One simulated marketplace for all tests of theory: its tables, its truth and what is hidden behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build
from features.sources import open_tables
from training.marketplace import population, simulate
from training.model import ActionModel
from training.truth import MarketTruth

if TYPE_CHECKING:
    from pathlib import Path

SEED = 7
INFLUENCERS, CAMPAIGNS = 2500, 300
JUDGED = 30  # campaigns whose every candidate is judged
SELDOM = ("blog", "pinterest")  # platforms on which the marketplace hires about a hundred each
FURTHER = 300


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


def hired_further(market: Market, past: pd.DataFrame) -> pd.DataFrame:
    """Return activations that past campaigns might have had as well, on platforms on which they had few.

    They are drawn as the marketplace draws its own. With a hundred activations of a platform its likelihoods are off by
    what luck did to these, and nobody could tell that from a model that is wrong.
    """
    candidates = market(f"""
        SELECT campaign_id, account_id, decided_at, fee, goal, value_per_action, propensity, posted_probability,
               mean_actions, dispersion
        FROM pairs WHERE platform IN {SELDOM} AND propensity > 0 ORDER BY campaign_id, account_id""")
    pair = ["campaign_id", "account_id"]
    free = candidates["campaign_id"].isin(past["campaign_id"])
    free &= ~pd.MultiIndex.from_frame(candidates[pair]).isin(pd.MultiIndex.from_frame(past[pair]))
    rng = np.random.default_rng(SEED)
    drawn = candidates[free].sample(FURTHER, weights="propensity", random_state=rng)
    size, mean = drawn["dispersion"], drawn["mean_actions"]
    posted = rng.random(FURTHER) < drawn["posted_probability"]
    closed_at = drawn["campaign_id"].map(past.groupby("campaign_id")["closed_at"].max())
    further = drawn.assign(
        posted=posted,
        actions=np.where(posted, rng.negative_binomial(size, size / (size + mean)), 0),
        closed_at=closed_at,
    )
    return further.reindex(columns=past.columns)


class Learnt(NamedTuple):
    """A model of the first 70 % of the marketplace, what it learnt from, and what came later."""

    model: ActionModel
    past: pd.DataFrame
    past_x: pd.DataFrame
    later: pd.DataFrame  # activations
    later_x: pd.DataFrame
    pairs: pd.DataFrame  # all candidates of some of the last campaigns, with the truth about them
    pairs_x: pd.DataFrame
    store: EventStore


def fit(model: ActionModel, past: pd.DataFrame, X: pd.DataFrame) -> ActionModel:
    """Return the model fitted on activations."""
    times = {name: past[name] for name in ("decided_at", "closed_at", "posted")}
    return model.fit(X, past["actions"], **times)


@pytest.fixture(scope="session")
def learnt(market: Market) -> Learnt:
    with open_tables(market.folder) as tables:
        store = EventStore.prepare(tables)
    activations = store.activations()
    start = activations["decided_at"].iloc[int(0.7 * len(activations))]
    past = activations[activations["closed_at"] <= start]
    later = activations[activations["decided_at"] >= start].reset_index(drop=True)
    past = pd.concat([past, hired_further(market, past).astype(past.dtypes)])
    past = past.sort_values("decided_at", kind="stable").reset_index(drop=True)
    past_x = build(store, past)
    campaigns = later["campaign_id"].unique()
    pairs, pairs_x = MarketTruth(market.folder / "truth.parquet", store).candidates(
        campaigns[:: max(1, len(campaigns) // JUDGED)].tolist()
    )
    return Learnt(fit(ActionModel(), past, past_x), past, past_x, later, build(store, later), pairs, pairs_x, store)
