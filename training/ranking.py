"""All known accounts in the order in which a campaign should hire them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.errors import DataError, nearest
from serving.predictor import baselines

if TYPE_CHECKING:
    from features.store import EventStore
    from serving.predictor import Predictor

_ANSWERED = ("at_least", "likelihood", "expected_actions", "actions_low", "actions_high")
FORMATS = {
    "likelihood": ".3f",
    "expected_actions": ",.1f",
    "actions_low": ",.0f",
    "actions_high": ",.0f",
    "at_least": ",.0f",
    "fee": ",.0f",
    "net_value": ",.0f",
    "own_record_weight": ".2f",
    "followers": ",.0f",
    "klout": ".0f",
    "kred": ".0f",
    "peerindex": ".0f",
}


def rank(
    predictor: Predictor,
    store: EventStore,
    *,
    campaign: str,
    as_of: pd.Timestamp | None = None,
    fees: pd.DataFrame | None = None,
    at_least: int | None = None,
) -> pd.DataFrame:
    """Rank accounts for a campaign of the store.

    Parameters
    ----------
    campaign : str
        Its id.
    as_of : Timestamp, optional
        What was known then; by default all of the data.
    fees : DataFrame, optional
        account_id and fee; only these accounts are ranked.
    at_least : int, optional
        Actions asked for; by default break-even, else 1.

    Returns
    -------
    DataFrame
        account_id, platform, fee, at_least, likelihood, expected_actions, actions_low, actions_high, net_value
        (expected value less fee; null where unknown), support, own_record_weight (see `Predictor.predict`), followers,
        klout, kred, peerindex. Ordered by net value where it is known for somebody, otherwise by expected actions;
        equals by account_id.

    Raises
    ------
    DataError
        Where the campaign is not in the store, or `fees` lacks a column or names an unknown account.
    """
    known = store.campaigns["campaign_id"]
    if not (known == campaign).any():
        raise DataError(f"There is no campaign {campaign!r} in the data.{nearest(campaign, known)}")
    if fees is not None and not {"account_id", "fee"} <= set(fees.columns):
        raise DataError(f"The fees need the columns account_id and fee; they have {', '.join(map(str, fees.columns))}.")
    pairs = store.accounts[["account_id"]] if fees is None else fees[["account_id", "fee"]]
    pairs = pairs.assign(campaign_id=campaign, decided_at=store.newest if as_of is None else as_of)
    pairs = pairs.assign(at_least=np.nan if at_least is None else float(at_least)).reset_index(drop=True)
    X = predictor.features(store, pairs)
    answer = predictor.predict(X, pairs=pairs, campaigns=store.campaigns)
    fee = pairs["fee"].to_numpy(np.float64) if "fee" in pairs else np.full(len(pairs), np.nan)
    said = baselines(X)
    ranked = pd.DataFrame(
        {
            "account_id": answer["account_id"],
            "platform": X["platform"],
            "fee": fee,
            **{
                name: answer[name]
                for name in ("at_least", "likelihood", "expected_actions", "actions_low", "actions_high")
            },
            "net_value": answer["expected_value"] - fee,
            "support": answer["support"],
            "own_record_weight": answer["own_record_weight"],
            **{name: said[name] for name in ("followers", "klout", "kred", "peerindex")},
        }
    )
    first = "net_value" if ranked["net_value"].notna().any() else "expected_actions"
    return ranked.sort_values([first, "account_id"], ascending=[False, True], ignore_index=True)
