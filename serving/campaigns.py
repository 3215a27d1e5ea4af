"""The campaigns of the data, as people look them up and as requests take them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from serving import schemas

if TYPE_CHECKING:
    from features.store import EventStore

# Without one of these a brief asks for something else.
_NEEDED = {"goal", "vertical", "starts_at", "attribution_days"}
_PLAIN = ("goal", "vertical", "brand_id", "brief", "value_per_action", "budget")


class Campaigns:
    """The campaigns of a store that are known at one moment, the newest first.

    The data do not say when a brief became known. Taken as known are campaigns that had started or been decided on by
    then, and those on which the data hold no decision at all, which are planned. A campaign that starts and was decided
    on later is not.

    Parameters
    ----------
    store : EventStore
    as_of : Timestamp
        UTC without a zone.
    """

    def __init__(self, store: EventStore, as_of: pd.Timestamp) -> None:
        activations = store.activations()[["campaign_id", "account_id", "decided_at", "fee"]]
        made = activations[activations["decided_at"] <= as_of]
        campaigns = store.campaigns.merge(
            made.groupby("campaign_id", as_index=False).agg(decided=("decided_at", "max")), on="campaign_id", how="left"
        )
        planned = ~campaigns["campaign_id"].isin(activations["campaign_id"])
        known = campaigns[planned | campaigns["decided"].notna() | (campaigns["starts_at"] <= as_of)]
        newest = known["decided"].fillna(known["starts_at"]).rename("newest")
        order = pd.concat([newest, known["campaign_id"]], axis=1).sort_values(
            ["newest", "campaign_id"], ascending=[False, True]
        )
        self._rows = known.loc[order.index].reset_index(drop=True)
        texts = (self._rows[name].fillna("").astype(str) for name in ("campaign_id", "brand_id", "vertical", "brief"))
        self._texts = ["\n".join(parts).casefold() for parts in zip(*texts, strict=True)]
        # Numbers in place of ids, and those of one campaign together: there may be millions.
        place = pd.Index(self._rows["campaign_id"]).get_indexer(made["campaign_id"])
        by_campaign = np.argsort(place, kind="stable")
        self._first = np.searchsorted(place[by_campaign], np.arange(len(self._rows) + 1))
        self._ids = store.accounts["account_id"]
        self._account = pd.Index(self._ids).get_indexer(made["account_id"])[by_campaign].astype(np.int32)
        self._fee = made["fee"].to_numpy(np.float64)[by_campaign]
        self._audience: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        wanted = store.campaign_audience[["campaign_id", "dimension", "bucket", "share"]]
        for campaign, dimension, bucket, share in wanted.itertuples(index=False, name=None):
            self._audience[campaign][dimension][bucket] = share

    def found(self, asked: schemas.CampaignsRequest) -> tuple[int, list[schemas.Campaign]]:
        """Return how many campaigns hold the text that is looked for, and the newest of them."""
        text = asked.search.strip().casefold()
        places = [place for place, of in enumerate(self._texts) if text in of]
        return len(places), [self._campaign(place) for place in places[: asked.limit]]

    def _campaign(self, place: int) -> schemas.Campaign:
        row = self._rows.iloc[place]
        hired = slice(self._first[place], self._first[place + 1])
        account, fee = self._account[hired], self._fee[hired]
        priced = np.flatnonzero(~np.isnan(fee))[: schemas.MAX_HIRED]
        return schemas.Campaign(
            campaign_id=row["campaign_id"],
            brief=self._brief(row),
            decided_at=_moment(row["decided"]),
            activations=len(account),
            fees=dict(zip(self._ids.iloc[account[priced]], fee[priced].tolist(), strict=True)),
        )

    def _brief(self, row: pd.Series) -> schemas.Brief | None:
        values = {name: None if pd.isna(row[name]) else row[name] for name in _PLAIN}
        values |= {name: _moment(row[name]) for name in ("starts_at", "ends_at")}
        topics = row["topics"]
        values["topics"] = None if topics is None or topics is pd.NA or np.isscalar(topics) else list(topics)
        values["attribution_days"] = int(row["attribution_days"])
        audience = self._audience.get(row["campaign_id"])
        values["audience"] = audience and {dimension: dict(buckets) for dimension, buckets in audience.items()}
        return _taken(values)


def _taken(values: dict[str, Any]) -> schemas.Brief | None:
    """Return the brief without what no request may hold; None where it would be another brief without it."""
    while values.keys() >= _NEEDED:
        try:
            return schemas.Brief.model_validate(values)
        except ValidationError as error:
            # What speaks of no field is that it ends before it starts.
            wrong = {str(each["loc"][0]) if each["loc"] else "ends_at" for each in error.errors()}
            values = {name: value for name, value in values.items() if name not in wrong}
    return None


def _moment(found: pd.Timestamp) -> Any:
    return None if pd.isna(found) else found.tz_localize("UTC").to_pydatetime()
