"""The campaigns of the data, as people look them up and as requests take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import ValidationError

from serving.schemas import requests, responses

if TYPE_CHECKING:
    from features.events import IntArray
    from features.store import EventStore

# Without one of these a brief asks for something else.
_NEEDED = {"goal", "vertical", "starts_at", "attribution_days"}
# As a moment it is none.
_NEVER = np.iinfo(np.int64).min
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
        campaigns, activations, wanted = store.campaigns, store.activations(), store.campaign_audience
        ids, now = pd.Index(campaigns["campaign_id"]), _microseconds(pd.Series([as_of]))[0]
        place, decided = ids.get_indexer(activations["campaign_id"]), _microseconds(activations["decided_at"])
        made = decided <= now
        last = np.full(len(ids), _NEVER)
        np.maximum.at(last, place[made], decided[made])
        starts, planned = _microseconds(campaigns["starts_at"]), np.bincount(place, minlength=len(ids)) == 0
        known = planned | (last > _NEVER) | (starts <= now)
        # The store has them by their ids, by which they stay where they are equally new.
        newest = np.argsort(-np.where(last > _NEVER, last, starts), kind="stable")
        self._newest = newest[known[newest]]
        self._campaigns = campaigns.assign(decided=last.view("datetime64[us]"))
        self._hired = _Grouped.of(place[made], len(ids))
        # Numbers in place of ids: there may be millions.
        self._ids = store.accounts["account_id"].to_numpy(dtype=object)
        self._account = pd.Index(store.accounts["account_id"]).get_indexer(activations["account_id"])[made]
        self._fee = activations["fee"].to_numpy(np.float64)[made]
        self._slices = _Grouped.of(ids.get_indexer(wanted["campaign_id"]), len(ids))
        self._wanted = [wanted[name].to_numpy(dtype=object) for name in ("dimension", "bucket", "share")]
        texts = (campaigns[name].fillna("").astype(str) for name in ("campaign_id", "brand_id", "vertical", "brief"))
        self._texts = ["\n".join(parts).casefold() for parts in zip(*texts, strict=True)]

    def found(self, asked: requests.CampaignsRequest) -> tuple[int, list[responses.Campaign]]:
        """Return how many campaigns hold the text that is looked for, and the newest of them."""
        text = asked.search.strip().casefold()
        places = [place for place in self._newest.tolist() if text in self._texts[place]]
        told = places[: asked.limit]
        rows = self._campaigns.iloc[told].to_dict("records")
        return len(places), [self._campaign(place, row) for place, row in zip(told, rows, strict=True)]

    def _campaign(self, place: int, row: dict[str, Any]) -> responses.Campaign:
        hired = self._hired.rows(place)
        priced = hired[~np.isnan(self._fee[hired])][: responses.MAX_HIRED]
        accounts = self._ids[self._account[priced]].tolist()
        return responses.Campaign(
            campaign_id=row["campaign_id"],
            brief=self._brief(place, row),
            decided_at=_moment(row["decided"]),
            activations=len(hired),
            fees=dict(zip(accounts, self._fee[priced].tolist(), strict=True)),
        )

    def _brief(self, place: int, row: dict[str, Any]) -> requests.Brief | None:
        audience: dict[str, dict[str, float]] = {}
        slices = self._slices.rows(place)
        for dimension, bucket, share in zip(*(values[slices] for values in self._wanted), strict=True):
            audience.setdefault(dimension, {})[bucket] = share
        topics = row["topics"]
        return _taken(
            {
                **{name: None if pd.isna(row[name]) else row[name] for name in _PLAIN},
                **{name: _moment(row[name]) for name in ("starts_at", "ends_at")},
                "attribution_days": int(row["attribution_days"]),
                "topics": list(topics) if isinstance(topics, list | np.ndarray) else None,
                "audience": audience or None,
            }
        )


class _Grouped(NamedTuple):
    """Rows by the campaign that they belong to."""

    order: IntArray
    first: IntArray

    @classmethod
    def of(cls, place: IntArray, campaigns: int) -> Self:
        """Group rows by the (n,) places of their campaigns; those of one stay in their order."""
        order = np.argsort(place, kind="stable")
        return cls(order, np.searchsorted(place[order], np.arange(campaigns + 1)))

    def rows(self, place: int) -> IntArray:
        """Return the rows of one campaign."""
        return self.order[self.first[place] : self.first[place + 1]]


def _taken(values: dict[str, Any]) -> requests.Brief | None:
    """Return the brief without what no request may hold; None where it would be another brief without it."""
    while values.keys() >= _NEEDED:
        try:
            return requests.Brief.model_validate(values)
        except ValidationError as error:
            # What speaks of no field is that it ends before it starts.
            wrong = {str(each["loc"][0]) if each["loc"] else "ends_at" for each in error.errors()}
            values = {name: value for name, value in values.items() if name not in wrong}
    return None


def _microseconds(moments: pd.Series) -> IntArray:
    return moments.to_numpy("datetime64[us]").astype(np.int64)


def _moment(found: pd.Timestamp) -> Any:
    return None if pd.isna(found) else found.tz_localize("UTC").to_pydatetime()
