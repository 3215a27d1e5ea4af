"""Nothing later than decided_at changes a feature by one bit, nor does the way in which it is computed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import build
from features.catalogue import FEATURES
from features.tables import CONTRACT
from tests.features.compare import Frames, assert_same_bits, prepared
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    from numpy.random import Generator

    from features import EventStore

DAYS = 200
MOMENT = {
    "account_stats": "observed_at",
    "audiences": "observed_at",
    "followers": "observed_at",
    "interactions": "at",
    "outcomes": "closed_at",
    "posts": "observed_at",
}
LAG = pd.Timedelta(days=3)

seeds = st.integers(0, 3)
disturbances = st.integers(0, 2**32)
few = settings(max_examples=15, deadline=None, derandomize=True)


class Case(NamedTuple):
    """Tables, pairs, and the store and features of all of it."""

    frames: Frames
    pairs: pd.DataFrame
    store: EventStore
    X: pd.DataFrame


@cache
def case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    frames = random_tables(
        rng, influencers=12, accounts=18, campaigns=40, days=DAYS, posts=250, interactions=500, outcomes=90
    )
    # On either platform accounts enough for all to have peers.
    platforms = np.array(["instagram", "tiktok"])[np.arange(len(frames["accounts"])) % 2]
    frames["accounts"] = frames["accounts"].assign(platform=platforms)
    # b2 pays for posts and has no campaign, so it is nobody's rival until it has one.
    frames["campaigns"] = frames["campaigns"].replace({"brand_id": {"b2": "b0"}})
    pairs = random_pairs(rng, frames, 40, days=DAYS)
    store = prepared(frames)
    return Case(frames, pairs, store, build(store, pairs))


def assert_unchanged_until(moment: pd.Timestamp, before: Case, frames: Frames) -> None:
    mine = before.pairs["decided_at"] <= moment
    assert_same_bits(before.X[mine], build(prepared(frames), before.pairs[mine]))


def late_rows(frames: Frames, moment: pd.Timestamp) -> dict[str, pd.Series]:
    """Say which rows of each table may not be known at a moment."""
    late = {table: frames[table][column] > moment for table, column in MOMENT.items()}
    late["posts"] |= frames["posts"]["published_at"] > moment - LAG
    return late


def later(rng: Generator, size: int, moment: pd.Timestamp) -> pd.DatetimeIndex:
    """Return moments after that one, often the very next."""
    steps = np.where(rng.random(size) < 0.3, 1, rng.integers(1, 10**13, size))
    return moment + pd.to_timedelta(steps, unit="us").as_unit("us")


def scrambled(rng: Generator, table: str, rows: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Give late rows other values of every column but ids; they stay late."""
    made = rows.copy()
    for column in CONTRACT[table].columns:
        if column.kind == "time":
            made[column.name] = later(rng, len(rows), moment - LAG if column.name == "published_at" else moment)
        elif column.kind != "id":
            made[column.name] = rows[column.name].sample(frac=1, random_state=rng.integers(2**32)).to_numpy()
        if column.kind == "count":
            made[column.name] *= 1_000
    anywhen = moment + pd.to_timedelta(rng.integers(-(10**13), 10**13, len(rows)), unit="us").as_unit("us")
    if table == "posts":  # late by one of its two times is late enough
        was_read_late = (rows["observed_at"] > moment).to_numpy()
        made["published_at"] = made["published_at"].where(~was_read_late, anywhen)
        made["observed_at"] = made["observed_at"].where(was_read_late | (rng.random(len(rows)) < 0.5), anywhen)
    if table == "outcomes":
        made["decided_at"] = np.minimum(made["closed_at"], anywhen)
        made["posted_at"] = made["posted_at"].where(rng.random(len(rows)) < 0.7)
    return made


def more(rng: Generator, table: str, rows: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Copy some rows, make them late, and give about half of their ids new names."""
    made = scrambled(rng, table, rows.sample(frac=0.5, random_state=rng.integers(2**32)), moment)
    if table == "posts":  # a late reading of a post that is known already
        made["observed_at"] = later(rng, len(made), moment)
    for column in CONTRACT[table].columns:
        if column.kind == "id" and column.name != "sponsor_id":
            made[column.name] = made[column.name].where(rng.random(len(made)) < 0.5, "new " + made[column.name])
    return made


ALONE = range(3, 130, 5)


@pytest.mark.parametrize("seed", range(4))
def test_every_feature_is_told_and_varies_in_what_is_disturbed(seed: int) -> None:
    X = case(seed).X[list(FEATURES)]
    of_alone = X.iloc[list(ALONE)] if seed == 1 else X
    assert [name for name in X if X[name].notna().sum() < 3] == []
    assert [name for name in X if of_alone[name].nunique() < 2] == []


@few
@given(seeds, disturbances)
def test_deleting_all_that_is_later_changes_nothing(seed: int, disturbance: int) -> None:
    before = case(seed)
    moment = before.pairs["decided_at"].iloc[disturbance % len(before.pairs)]
    late = late_rows(before.frames, moment)
    assert_unchanged_until(
        moment, before, {**before.frames, **{name: before.frames[name][~late[name]] for name in late}}
    )


@pytest.mark.parametrize("place", ALONE)
def test_one_pair_at_a_time_on_a_history_that_ends_with_its_decision(place: int) -> None:
    before = case(1)
    pair = before.pairs.iloc[[place]]
    moment, campaigns = pair["decided_at"].iloc[0], before.frames["campaigns"]
    late = late_rows(before.frames, moment)
    late["campaigns"] = (campaigns["starts_at"] > moment) & (campaigns["campaign_id"] != pair["campaign_id"].iloc[0])
    # An outcome without its campaign says nothing: what is decided before a campaign starts must be known by then.
    late["campaigns"] &= ~campaigns["campaign_id"].isin(before.frames["outcomes"].loc[~late["outcomes"], "campaign_id"])
    frames = {**before.frames, **{name: before.frames[name][~rows] for name, rows in late.items()}}
    assert_same_bits(before.X.iloc[[place]], build(prepared(frames), pair))


@few
@given(seeds, disturbances)
def test_scrambling_all_that_is_later_changes_nothing(seed: int, disturbance: int) -> None:
    before, rng = case(seed), np.random.default_rng(disturbance)
    moment = rng.choice(before.pairs["decided_at"])
    frames = dict(before.frames)
    for name, late in late_rows(before.frames, moment).items():
        rows = before.frames[name]
        frames[name] = pd.concat([rows[~late], scrambled(rng, name, rows[late], moment)])
    # Campaigns that start later, but for those that something known by then is about, are of a new rival.
    known = before.pairs.loc[before.pairs["decided_at"] <= moment, "campaign_id"]
    outcomes, campaigns = before.frames["outcomes"], before.frames["campaigns"]
    known = pd.concat([known, outcomes.loc[outcomes["closed_at"] <= moment, "campaign_id"]])
    late = (campaigns["starts_at"] > moment) & ~campaigns["campaign_id"].isin(known)
    made = scrambled(rng, "campaigns", campaigns[late], moment).assign(brand_id="b2")
    frames["campaigns"] = pd.concat([campaigns[~late], made])
    assert_unchanged_until(moment, before, frames)


@few
@given(seeds, disturbances)
def test_appending_what_is_later_changes_nothing(seed: int, disturbance: int) -> None:
    before, rng = case(seed), np.random.default_rng(disturbance)
    moment = rng.choice(before.pairs["decided_at"])
    frames = dict(before.frames)
    for name in ("accounts", "campaigns"):  # new accounts of influencers known and new; no row of these has a time
        table = before.frames[name].sample(frac=1, random_state=rng.integers(2**32))
        key = CONTRACT[name].key[0]
        added = table.assign(**{key: "new " + table[key]})
        if name == "accounts":
            unknown = "new " + added["influencer_id"]
            added["influencer_id"] = added["influencer_id"].where(rng.random(len(added)) < 0.5, unknown)
        frames[name] = pd.concat([added, table])
    for name in MOMENT:
        frames[name] = pd.concat([more(rng, name, before.frames[name], moment), before.frames[name]])
    assert_unchanged_until(moment, before, frames)


@few
@given(seeds, disturbances)
def test_the_order_of_rows_and_columns_changes_nothing(seed: int, disturbance: int) -> None:
    before, rng = case(seed), np.random.default_rng(disturbance)
    frames = {
        name: rows.sample(frac=1, random_state=rng.integers(2**32))[list(rng.permutation(rows.columns))]
        for name, rows in before.frames.items()
    }
    pairs = before.pairs.sample(frac=1, random_state=rng.integers(2**32))
    X = build(prepared(frames), pairs)
    assert list(X.index) == list(pairs.index)
    assert_same_bits(before.X, X.loc[before.pairs.index])


@pytest.mark.parametrize("buckets", [2, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_number_of_buckets_changes_nothing(seed: int, buckets: int) -> None:
    before = case(seed)
    store = prepared(before.frames, buckets=buckets)
    assert store.accounts["bucket"].min() < store.accounts["bucket"].max()
    assert_same_bits(before.X, build(store, before.pairs))


def test_what_is_usual_for_a_goal_does_not_depend_on_who_is_counted_first() -> None:
    before = case(0)
    closed = before.frames["outcomes"]["closed_at"].dt.ceil("60D")  # many at one moment, over all buckets
    frames = {**before.frames, "outcomes": before.frames["outcomes"].assign(closed_at=closed)}
    one, five = (build(prepared(frames, buckets=buckets), before.pairs) for buckets in (1, 5))
    assert_same_bits(one, five)


@pytest.mark.parametrize("at_once", [1, 100, 1_000])
def test_working_in_turns_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = case(0)
    monkeypatch.setattr("features.pipeline.EVENTS_AT_ONCE", at_once)
    assert_same_bits(before.X, build(before.store, before.pairs))


@pytest.mark.parametrize("seed", [0, 1])
def test_one_pair_alone_has_the_bits_it_has_among_many(seed: int) -> None:
    before = case(seed)
    alone = [build(before.store, before.pairs.iloc[[place]]) for place in range(len(before.pairs))]
    assert_same_bits(before.X, pd.concat(alone))


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Bangkok"])
@pytest.mark.parametrize("alone", [True, False], ids=["each campaign alone", "all campaigns"])
def test_a_brief_in_a_request_has_the_bits_of_a_brief_in_the_tables(zone: str | None, *, alone: bool) -> None:
    before, rng = case(2), np.random.default_rng(2)
    targets = before.frames["campaign_audience"].sample(frac=1, random_state=1)
    wanted: dict[str, dict[str, dict[str, float]]] = {}
    for row in targets.itertuples():
        wanted.setdefault(row.campaign_id, {}).setdefault(row.dimension, {})[row.bucket] = row.share
    campaigns = before.frames["campaigns"]
    campaigns = campaigns.assign(
        audience=campaigns["campaign_id"].map(wanted.get).astype(object),
        topics=campaigns["topics"].map(lambda words: list(rng.permutation(words)), na_action="ignore"),
    ).sample(frac=1, random_state=3)
    if zone:
        campaigns["starts_at"] = campaigns["starts_at"].dt.tz_localize("UTC").dt.tz_convert(zone)
    # A store that never saw these briefs.
    store = prepared({**before.frames, "campaign_audience": targets[:0]})
    parts = [rows for _, rows in campaigns.groupby("campaign_id")] if alone else [campaigns]
    asked = [before.pairs[before.pairs["campaign_id"].isin(rows["campaign_id"])] for rows in parts]
    X = pd.concat([build(store, pairs, campaigns=rows) for pairs, rows in zip(asked, parts, strict=True)])
    assert_same_bits(before.X, X.loc[before.pairs.index])


def test_what_arrives_late_counts_only_from_then() -> None:
    frames = {name: rows[:0] for name, rows in case(0).frames.items()}
    frames["accounts"] = case(0).frames["accounts"][:1].assign(account_id="a", created_at=pd.Timestamp("2025-01-20"))
    frames["campaigns"] = case(0).frames["campaigns"][:1].assign(campaign_id="c", goal="sale")
    day = pd.Timestamp("2025-01-01")

    def after(*days: float) -> list[pd.Timestamp]:
        return [day + pd.Timedelta(days=number) for number in days]

    frames["posts"] = pd.DataFrame(
        {
            "post_id": ["read twice", "read twice", "never dated"],
            "account_id": "a",
            "published_at": after(0, 0, 1),
            "observed_at": [*after(10, 20), pd.NaT],
            "likes": [99, 999, 9],
        }
    )
    frames["account_stats"] = pd.DataFrame({"account_id": "a", "observed_at": after(5), "followers": [1_000]})
    frames["interactions"] = pd.DataFrame(
        {"actor_id": "x", "account_id": "a", "kind": ["mention", "reply"], "at": after(6, 7)}
    )
    frames["outcomes"] = pd.DataFrame(
        {
            "campaign_id": "c",
            "account_id": "a",
            "decided_at": after(0),
            "posted_at": after(1),
            "actions": [7],
            "closed_at": after(12),
        }
    )
    moments = after(3.99, 4, 5, 6, 7, 9.99, 10, 12, 19.99, 20)
    pairs = pd.DataFrame({"campaign_id": "c", "account_id": "a", "decided_at": moments})
    X = build(prepared(frames), pairs)
    known = {
        "posts_90d": [0, 1, 1, 1, 1, 1, 2, 2, 2, 2],
        "likes_log_mean_newest": [
            np.nan,
            *np.log1p([9] * 5),
            *[np.log1p([9, 99]).mean()] * 3,
            np.log1p([9, 999]).mean(),
        ],
        "log_followers": [np.nan] * 2 + [np.log1p(1_000)] * 8,
        # A post is measured by the first reading after it where none is older.
        "engagement_rate_median_90d": [np.nan] * 2 + [0.009] * 4 + [0.054] * 3 + [0.504],
        "reactions_log_90d": [0, 0, 0, *np.log1p([1, 2, 2, 2, 2, 2, 2])],
        "past_actions_mean": [np.nan] * 7 + [7] * 3,
        "account_age_days": [np.nan] * 8 + [0.99, 1],
    }
    for name, values in known.items():
        np.testing.assert_allclose(X[name], values, rtol=1e-12, err_msg=name)
