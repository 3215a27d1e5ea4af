"""All known accounts in the order in which a campaign should hire them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.errors import DataError, nearest
from features.progress import quiet
from serving.explain import explain
from serving.predictor import baselines

if TYPE_CHECKING:
    from features.progress import Progress
    from features.store import EventStore
    from serving.predictor import Predictor

FAMILIES = 3
"""How many families of features are told of one account."""
INCREMENTAL = ["expected_incremental_actions", "incremental_low", "incremental_high"]
"""Columns of a ranking that are null where no holdout measured the goal."""
_ANSWERED = ("at_least", "likelihood", "expected_actions", "actions_low", "actions_high", *INCREMENTAL)
FORMATS = {
    "likelihood": ".3f",
    "expected_actions": ",.1f",
    "actions_low": ",.0f",
    "actions_high": ",.0f",
    "expected_incremental_actions": ",.1f",
    "incremental_low": ",.0f",
    "incremental_high": ",.0f",
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
    progress: Progress = quiet,
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
    progress : callable, optional
        Told of how many accounts the features are known.

    Returns
    -------
    DataFrame
        account_id, platform, fee, at_least, likelihood, expected_actions, actions_low, actions_high,
        expected_incremental_actions, incremental_low, incremental_high (null where no holdout measured the goal),
        net_value (value of all expected actions less fee; null where unknown), support, own_record_weight (see
        `Predictor.predict`), followers, klout, kred, peerindex. Ordered by net value where it is known for somebody,
        otherwise by expected actions; equals by account_id.

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
    accounts = store.accounts[["account_id"]] if fees is None else fees[["account_id", "fee"]]
    pairs = _pairs(store, accounts, campaign, as_of, at_least)
    X = predictor.features(store, pairs, progress=partial(progress, f"features of {len(pairs):,} accounts"))
    answer = predictor.predict(X, pairs=pairs, campaigns=store.campaigns)
    fee = pairs["fee"].to_numpy(np.float64) if "fee" in pairs else np.full(len(pairs), np.nan)
    said = baselines(X)
    ranked = pd.DataFrame(
        {
            "account_id": answer["account_id"],
            "platform": X["platform"],
            "fee": fee,
            **{name: answer[name] for name in _ANSWERED},
            "net_value": answer["expected_value"] - fee,
            "support": answer["support"],
            "own_record_weight": answer["own_record_weight"],
            **{name: said[name] for name in ("followers", "klout", "kred", "peerindex")},
        }
    )
    first = "net_value" if ranked["net_value"].notna().any() else "expected_actions"
    return ranked.sort_values([first, "account_id"], ascending=[False, True], ignore_index=True)


def reasons(
    predictor: Predictor,
    store: EventStore,
    ranked: pd.DataFrame,
    *,
    campaign: str,
    as_of: pd.Timestamp | None = None,
    at_least: int | None = None,
) -> list[dict[str, Any]]:
    """Explain some rows of a ranking, in their order; see `serving.explain`. Options are those of `rank`."""
    pairs = _pairs(store, ranked[["account_id", "fee"]], campaign, as_of, at_least)
    return explain(predictor, store, pairs=pairs)


def lines(explanation: dict[str, Any]) -> list[str]:
    """Say an explanation in a few lines: base, strongest families with a feature that shows why, greatest change."""
    likelihood, base = explanation["likelihood"], explanation["base_likelihood"]
    said = [
        f"{explanation['account_id']}: likelihood {likelihood:.3f}, from {base:.3f} for the average past activation"
    ]
    for family in explanation["families"][:FAMILIES]:
        features = family["features"]
        telling = next((each for each in features if each["direction"] == family["direction"]), features[0])
        said.append(f"  {family['contribution']:+.3f} {family['family']}: {telling['words']}")
    return said + [f"  {change['words']}" for change in explanation["counterfactuals"][:1]]


def _pairs(
    store: EventStore, accounts: pd.DataFrame, campaign: str, as_of: pd.Timestamp | None, at_least: int | None
) -> pd.DataFrame:
    pairs = accounts.assign(campaign_id=campaign, decided_at=store.newest if as_of is None else as_of)
    return pairs.assign(at_least=np.nan if at_least is None else float(at_least)).reset_index(drop=True)


def readable(ranked: pd.DataFrame) -> pd.DataFrame:
    """Return what a table for people shows: without incremental actions where none are known."""
    return ranked.drop(columns=INCREMENTAL) if ranked[INCREMENTAL].isna().all(axis=None) else ranked
