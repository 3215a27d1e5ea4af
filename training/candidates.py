"""Whom a past campaign could have hired: the accounts that were known when it decided, at what they usually ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features import build
from features.offer import break_even_or_one
from training.fees import UsualFees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.store import EventStore

_KNOWN_BY = ["log_followers", "days_since_last_post"]


class KnownAccounts:
    """All known accounts of an event store as candidates of its campaigns.

    Parameters
    ----------
    store : EventStore
    """

    def __init__(self, store: EventStore) -> None:
        self.store = store

    @property
    def size(self) -> int:
        """Return how many accounts there are."""
        return len(self.store.accounts)

    def at(self, rows: pd.DataFrame, X: pd.DataFrame, decided: pd.DataFrame) -> AskedAccounts:
        """Learn what accounts usually ask, and return them as candidates.

        Parameters
        ----------
        rows, X : DataFrames of n rows
            Activations whose fees are known by now, and their features.
        decided : DataFrame
            One row per campaign that chooses now: campaign_id, decided_at and value_per_action.
        """
        fees = UsualFees().fit(_accounts(rows["account_id"], X), rows["fee"].to_numpy(dtype=np.float64))
        accounts = self.store.accounts[["account_id", "created_at"]]
        now = pd.DataFrame(
            {
                "campaign_id": decided["campaign_id"].iloc[0],
                "account_id": accounts["account_id"],
                "decided_at": decided["decided_at"].min(),
            }
        )
        usual = fees.predict(_accounts(accounts["account_id"], build(self.store, now)))
        return AskedAccounts(self.store, accounts.assign(fee=usual), decided)


class AskedAccounts:
    """Accounts with a fee each, as candidates of some campaigns; made by `KnownAccounts.at`."""

    def __init__(self, store: EventStore, accounts: pd.DataFrame, decided: pd.DataFrame) -> None:
        self.store = store
        self.accounts = accounts
        self.decided = decided

    def candidates(self, campaign_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all accounts that were known when these campaigns decided, and their features in the same order.

        The first frame has campaign_id, account_id, decided_at, fee and at_least (break-even, else 1).
        """
        chosen = self.decided[self.decided["campaign_id"].isin(list(campaign_ids))]
        pairs = chosen.merge(self.accounts, how="cross")
        pairs = pairs[~(pairs["created_at"] > pairs["decided_at"])].drop(columns="created_at").reset_index(drop=True)
        pairs["at_least"] = break_even_or_one(pairs["fee"], pairs["value_per_action"])
        X = build(self.store, pairs)
        known = X[_KNOWN_BY].notna().any(axis=1).to_numpy()
        return pairs[known].reset_index(drop=True), X[known].reset_index(drop=True)


def _accounts(account_id: pd.Series, X: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in ("platform", "log_followers") if name in X]
    return X[names].reset_index(drop=True).assign(account_id=account_id.to_numpy())
