"""From the log of a service to rows that an event store takes in: outcomes, and the briefs that they belong to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from features.problems import literal
from serving.log_folder import OUTCOMES
from serving.log_storage import log_storage
from serving.outcomes import CONTRACT_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from features.store import EventStore
    from serving.log_folder import LogFolder

_KEY = ["campaign_id", "account_id"]
_CAMPAIGN = ("vertical", "goal", "topics", "brief", "starts_at", "ends_at", "attribution_days", "budget")


@dataclass(frozen=True)
class Reported:
    """Outcomes of a log that an event store lacks.

    Attributes
    ----------
    tables
        Of the data contract: `outcomes`, and `campaigns` and `campaign_audience` where the store lacks those too; empty
        where there is nothing new.
    waiting
        Outcomes whose account or campaign neither the store nor the log knows, by what is unknown.
    late
        Outcomes that were corrected after the store had taken them in.
    """

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    late: int = 0


def outcomes(log: LogFolder) -> pd.DataFrame:
    """Return the last word on each activation that was reported, as texts; columns of the contract and request_id."""
    file = log.folder / OUTCOMES
    if not file.is_file():
        return pd.DataFrame(columns=[*CONTRACT_COLUMNS, "request_id"], dtype="str")
    found = pd.read_csv(file, dtype="str", keep_default_na=False, na_values=[""])
    return found.drop_duplicates(_KEY, keep="last").drop(columns="received_at").reset_index(drop=True)


def fresh(log: str | Path, store: EventStore) -> Reported:
    """Return what a store can take in of a log.

    Campaigns that the store lacks are made from the last brief that was asked about under their campaign_id, or in the
    request that an outcome names. A brief without a brand counts as one of a brand of its own.

    Raises
    ------
    DataError
        Where there is no log.
    """
    with log_storage(log).local(days=0) as folder:
        return _fresh(folder, store)


def _fresh(folder: LogFolder, store: EventStore) -> Reported:
    found = outcomes(folder)
    stored = store.activations()[[*_KEY, "actions"]].rename(columns={"actions": "stored"})
    found = found.merge(stored, on=_KEY, how="left")
    there = found["stored"].notna()
    late = int((found.loc[there, "actions"].astype(np.float64) != found.loc[there, "stored"]).sum())
    found = found[~there].drop(columns="stored")
    known = set(store.campaigns["campaign_id"])
    briefs = _briefs(folder, found[~found["campaign_id"].isin(known)])
    of_campaign = found["campaign_id"].isin(known | set(briefs))
    of_account = found["account_id"].isin(set(store.accounts["account_id"]))
    waiting = {"account": int((~of_account).sum()), "campaign": int((of_account & ~of_campaign).sum())}
    ready = found[of_campaign & of_account]
    if ready.empty:
        return Reported(waiting=waiting, late=late)
    tables = {"outcomes": ready[list(CONTRACT_COLUMNS)].reset_index(drop=True)}
    new = {campaign: briefs[campaign] for campaign in ready["campaign_id"].unique() if campaign in briefs}
    return Reported(tables | _campaigns(new), waiting, late)


def _briefs(log: LogFolder, wanted: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the last brief that was logged of each campaign of some outcomes."""
    files = log.parts()
    if wanted.empty or not files:
        return {}
    listed = ", ".join(literal(str(file)) for file in files)
    with duckdb.connect() as connection:
        connection.register("wanted", wanted[["campaign_id", "request_id"]].astype(object))
        found = connection.execute(f"""
            WITH log AS (SELECT DISTINCT request_id, campaign_id, brief, answered_at
                         FROM read_parquet([{listed}], union_by_name = true) WHERE brief IS NOT NULL),
            asked AS (SELECT wanted.campaign_id, brief, answered_at FROM wanted JOIN log USING (campaign_id)
                      UNION ALL
                      SELECT wanted.campaign_id, brief, answered_at FROM wanted JOIN log USING (request_id))
            SELECT campaign_id, arg_max(brief, answered_at) FROM asked GROUP BY campaign_id
        """).fetchall()
    return {campaign: json.loads(brief) for campaign, brief in found}


def _campaigns(briefs: dict[str, dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Return briefs as rows of the contract's campaigns and campaign_audience."""
    if not briefs:
        return {}
    campaigns = [
        {
            "campaign_id": campaign,
            # Two words are no name that a caption could hold.
            "brand_id": brief.get("brand_id") or f"unnamed-{campaign}",
            **{name: brief.get(name) for name in _CAMPAIGN},
            "value_per_action": brief.get("value_per_action") or None,
        }
        for campaign, brief in briefs.items()
    ]
    audience = [
        {"campaign_id": campaign, "dimension": dimension, "bucket": bucket, "share": share}
        for campaign, brief in briefs.items()
        for dimension, shares in (brief.get("audience") or {}).items()
        for bucket, share in shares.items()
    ]
    tables = {"campaigns": pd.DataFrame(campaigns)}
    return tables | ({"campaign_audience": pd.DataFrame(audience)} if audience else {})
