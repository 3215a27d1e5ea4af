"""Campaigns of the data as people look them up: what is known of them at one moment, and as requests take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import EventStore, open_tables
from serving.campaigns import Campaigns
from serving.schemas import requests, responses
from tests.random_tables import START, random_tables

Frames = dict[str, pd.DataFrame]
DAY = pd.Timedelta(days=1)
MOMENTS = [START + days * DAY for days in (-1, 120.25, 250, 600)]


@pytest.fixture(scope="module")
def frames() -> Frames:
    tables = random_tables(np.random.default_rng(23), outcomes=150)
    # Some campaigns are planned: nobody is hired for them.
    return tables | {"outcomes": tables["outcomes"][tables["outcomes"]["campaign_id"] > "c009"]}


def prepared(frames: Frames) -> EventStore:
    with open_tables(frames) as tables:
        return EventStore.prepare(tables)


@pytest.fixture(scope="module")
def store(frames: Frames) -> EventStore:
    return prepared(frames)


def found(store: EventStore, as_of: pd.Timestamp, **asked: Any) -> list[responses.Campaign]:
    matching, campaigns = Campaigns(store, as_of).found(requests.CampaignsRequest(limit=200, **asked))
    assert matching == len(campaigns)
    return campaigns


@pytest.mark.parametrize("as_of", MOMENTS, ids=str)
def test_what_is_told_was_known(frames: Frames, store: EventStore, as_of: pd.Timestamp) -> None:
    past = frames["outcomes"]
    made = past[past["decided_at"] <= as_of]
    told = {each.campaign_id: each for each in found(store, as_of)}
    for row in frames["campaigns"].itertuples():
        planned = not (past["campaign_id"] == row.campaign_id).any()
        hired = made[made["campaign_id"] == row.campaign_id]
        assert (row.campaign_id in told) == (planned or row.starts_at <= as_of or len(hired) > 0), row.campaign_id
        if row.campaign_id in told:
            each = told[row.campaign_id]
            assert each.activations == len(hired)
            assert each.fees == hired.dropna(subset=["fee"]).set_index("account_id")["fee"].to_dict()
            last = None if hired.empty else hired["decided_at"].max().tz_localize("UTC")
            assert each.decided_at == last
    newest = [each.decided_at or each.brief.starts_at for each in told.values() if each.brief is not None]
    assert newest == sorted(newest, reverse=True)


def test_what_comes_later_changes_nothing(frames: Frames, store: EventStore) -> None:
    as_of = MOMENTS[2]
    outcomes, campaigns = frames["outcomes"], frames["campaigns"]
    kept = outcomes[outcomes["decided_at"] <= as_of]
    later = outcomes[outcomes["decided_at"] > as_of]
    assert len(later) > 10
    told = {each.campaign_id: each for each in found(store, as_of)}
    # What was decided later is decided otherwise.
    other = prepared(frames | {"outcomes": pd.concat([kept, later.assign(fee=1.0, decided_at=later["closed_at"])])})
    assert {each.campaign_id: each for each in found(other, as_of)} == told
    of_later = campaigns[~campaigns["campaign_id"].isin(told)]["campaign_id"]
    assert len(of_later) > 0
    assert set(of_later) <= set(later["campaign_id"])


def test_a_brief_is_the_campaign_as_a_request_says_it(frames: Frames, store: EventStore) -> None:
    wanted = frames["campaign_audience"]
    campaigns = frames["campaigns"].set_index("campaign_id")
    for each in found(store, MOMENTS[3]):
        row = campaigns.loc[each.campaign_id]
        audience = {
            dimension: dict(zip(rows["bucket"], rows["share"], strict=True))
            for dimension, rows in wanted[wanted["campaign_id"] == each.campaign_id].groupby("dimension")
        }
        expected = {
            "campaign_id": None,
            "attribution_days": row["attribution_days"],
            "starts_at": row["starts_at"].tz_localize("UTC"),
            "ends_at": None if pd.isna(row["ends_at"]) else row["ends_at"].tz_localize("UTC"),
            "topics": row["topics"],
            "audience": audience or None,
            **{name: row[name] for name in ("goal", "vertical", "brand_id")},
            **{name: None if pd.isna(row[name]) else row[name] for name in ("brief", "value_per_action", "budget")},
        }
        assert each.brief is not None
        assert each.brief.model_dump() == expected
        again = requests.Brief.model_validate_json(each.brief.model_dump_json())
        assert again == each.brief


def test_a_text_is_looked_for_in_id_brand_vertical_and_brief(frames: Frames, store: EventStore) -> None:
    campaigns = frames["campaigns"]
    for text, column in (("C01", "campaign_id"), ("the B3", "brand_id"), ("BEAU", "vertical"), ("jelly", "brief")):
        holds = campaigns[column].str.contains(text, case=False, regex=False).fillna(value=False).astype(bool)
        assert {each.campaign_id for each in found(store, MOMENTS[3], search=f" {text} ")} == set(
            campaigns["campaign_id"][holds]
        )
    assert found(store, MOMENTS[3], search="nothing like it") == []
    assert found(store, MOMENTS[3], search=" ") == found(store, MOMENTS[3])
    everything = found(store, MOMENTS[3])
    matching, few = Campaigns(store, MOMENTS[3]).found(requests.CampaignsRequest(limit=3))
    assert (matching, few) == (len(everything), everything[:3])


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"brief": "x" * 10_001}, {"brief"}),
        ({"topics": [f"topic {n}" for n in range(51)]}, {"topics"}),
        ({"ends_at": START - 90 * DAY}, {"ends_at"}),
        ({"value_per_action": 2e9, "budget": 2e9}, {"value_per_action", "budget"}),
        ({"vertical": "Food"}, None),
        ({"attribution_days": 400}, None),
    ],
    ids=["long brief", "many topics", "ends before it starts", "too much money", "upper case", "too many days"],
)
def test_what_no_request_may_have_is_left_out(frames: Frames, changes: dict[str, Any], lost: set[str] | None) -> None:
    whole = {"topics": ["food"], "brief": "jelly", "value_per_action": 2.0, "budget": 3.0, "ends_at": START + 90 * DAY}
    campaign = {**frames["campaigns"].iloc[0].to_dict(), "starts_at": START, **whole, **changes}
    one = frames | {"campaigns": pd.DataFrame([campaign]), "outcomes": frames["outcomes"][:0]}
    one["campaign_audience"] = frames["campaign_audience"][:0]
    (each,) = found(prepared(one), START)
    if lost is None:
        assert each.brief is None
    else:
        assert each.brief is not None
        assert {name for name in whole if getattr(each.brief, name) is None} == lost


def test_fees_are_bounded(frames: Frames) -> None:
    accounts = pd.DataFrame({"account_id": [f"m{n:04d}" for n in range(1200)]}).assign(
        influencer_id=lambda rows: rows["account_id"], platform="tiktok"
    )
    hired = pd.DataFrame({"account_id": accounts["account_id"], "campaign_id": "c000", "decided_at": START}).assign(
        fee=np.where(np.arange(1200) == 3, np.nan, 5.0), actions=1, closed_at=START + DAY
    )
    few = {"accounts": accounts, "campaigns": frames["campaigns"][:1], "posts": frames["posts"][:0], "outcomes": hired}
    (each,) = found(prepared(few), START)
    assert (each.activations, len(each.fees)) == (1200, responses.MAX_HIRED)
    assert "m0003" not in each.fees
