"""A small market whose true likelihoods are known, as rows for the backtest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import nbinom

from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Sequence

GOALS = ("sale", "traffic")
SIZE = 2.0  # of the negative binomial


def model() -> ActionModel:
    """Return a model that is fitted in a moment."""
    return ActionModel(rounds=15, leaves=7, folds=2, n_threads=1)


@dataclass(frozen=True)
class Market:
    """Features, activations and all candidates: with the truth about them, or as `Accounts` without."""

    X: pd.DataFrame
    activations: pd.DataFrame
    pairs: pd.DataFrame
    pairs_x: pd.DataFrame

    def candidates(self, campaign_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        chosen = self.pairs["campaign_id"].isin(list(campaign_ids))
        return self.pairs[chosen], self.pairs_x[chosen]

    @property
    def size(self) -> int:
        return self.pairs["account_id"].nunique()

    def at(self, rows: pd.DataFrame, X: pd.DataFrame, decided: pd.DataFrame) -> Market:
        assert rows["closed_at"].max() <= decided["decided_at"].min()
        assert len(X) == len(rows)
        return replace(self, pairs=self.pairs.drop(columns=["expected_actions", "likelihood"]))


def market(*, campaigns: int = 40, accounts: int = 60, hired: int = 12, seed: int = 0) -> Market:
    """Draw a market: actions follow a skill that past outcomes show, the price follows the followers."""
    rng = np.random.default_rng(seed)
    followers = 10 ** rng.uniform(3, 6.3, size=accounts)
    skill = rng.normal(scale=0.9, size=accounts)
    account = np.tile(np.arange(accounts), campaigns)
    campaign = np.repeat(np.arange(campaigns), accounts)
    goal = np.array(GOALS)[campaign % 2]
    n = len(account)
    fee = np.round(20 * (followers[account] / 1e4) ** 0.7 * rng.uniform(0.6, 1.6, size=n) + 5, 2)
    value = np.where(goal == "sale", 20.0, 2.0)
    mean = (
        np.where(goal == "sale", 2.0, 25.0)
        * (followers[account] / 3e4) ** 0.5
        * np.exp(skill[account] - 0.4 + rng.normal(scale=0.3, size=n))
    )
    at_least = np.maximum(np.ceil(fee / value), 1)
    decided = pd.Timestamp("2025-01-06") + pd.to_timedelta(campaign * 3, unit="D")
    pairs = pd.DataFrame(
        {
            "campaign_id": [f"c{number:03d}" for number in campaign],
            "account_id": [f"a{number:03d}" for number in account],
            "decided_at": decided.as_unit("us"),
            "fee": fee,
            "at_least": at_least,
            "expected_actions": mean,
            "likelihood": nbinom.sf(at_least - 1, SIZE, SIZE / (SIZE + mean)),
        }
    )
    engagement = np.exp(0.8 * skill[account] + rng.normal(scale=0.4, size=n))
    X = pd.DataFrame(
        {
            "goal": goal,
            "platform": np.array(["instagram", "tiktok", "blog"])[account % 3],
            "vertical": "food",
            "log_followers": np.log1p(followers[account]),
            "engagement_rate_median_90d": np.where(rng.random(n) < 0.1, np.nan, 0.03 * engagement),
            "klout_score": np.clip(20 * np.log10(followers[account]) - 40 + rng.normal(scale=4, size=n), 1, 100),
            "kred_influence": np.round(followers[account] ** 0.4),
            "peerindex": np.nan,
            "past_actions_mean": np.where(campaign < 8, np.nan, mean * rng.gamma(3, 1 / 3, size=n)),
            "fee_log": np.log1p(fee),
            "log_break_even": np.log(at_least),
        }
    )
    chosen = np.sort(np.concatenate([row * accounts + rng.permutation(accounts)[:hired] for row in range(campaigns)]))
    activations = pairs.loc[chosen, ["campaign_id", "account_id", "decided_at", "fee"]].assign(
        goal=goal[chosen],
        value_per_action=value[chosen],
        actions=rng.poisson(rng.gamma(SIZE, mean[chosen] / SIZE)),
        posted=True,
        closed_at=lambda rows: rows["decided_at"] + pd.to_timedelta(rng.integers(3, 15, size=len(rows)), unit="D"),
    )
    return Market(X.iloc[chosen].reset_index(drop=True), activations.reset_index(drop=True), pairs, X)
