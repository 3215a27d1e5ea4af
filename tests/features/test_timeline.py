"""One account over time: as pandas tells it out of the tables, and never out of anything later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import EventStore, open_tables
from features.errors import DataError
from features.timeline import ACTIVATIONS, BUCKETS, READINGS, WEEKS, Timeline, timeline
from tests.random_tables import START, random_tables

Frames = dict[str, pd.DataFrame]
DAY = pd.Timedelta(days=1)


def prepared(frames: Frames) -> EventStore:
    with open_tables(frames) as tables:
        return EventStore.prepare(tables, buckets=2)


def number(value: Any) -> Any:
    return None if pd.isna(value) else float(value)


def told(frames: Frames, account: str, as_of: pd.Timestamp) -> dict[str, Any]:
    """Return what `timeline` should say, by pandas."""
    own = {name: rows[rows["account_id"] == account] for name, rows in frames.items() if "account_id" in rows}
    reports = own["audiences"][own["audiences"]["observed_at"] <= as_of]
    newest = reports.groupby("dimension")["observed_at"].transform("max")
    audience: dict[str, dict[str, float]] = {}
    for row in reports[reports["observed_at"] == newest].itertuples():
        audience.setdefault(row.dimension, {})[row.bucket] = row.share
    stats = own["account_stats"][own["account_stats"]["observed_at"] <= as_of]
    posts = own["posts"].assign(dated=own["posts"]["observed_at"].notna())
    posts = posts.assign(known_at=posts["observed_at"].fillna(posts["published_at"] + 3 * DAY))
    posts = posts[(posts["known_at"] <= as_of) & (posts["published_at"] <= as_of - 3 * DAY)]
    posts = posts.sort_values(["known_at", "dated"], kind="stable").drop_duplicates("post_id", keep="last")
    reactions = posts["likes"].fillna(0) + posts["comments"].fillna(0)
    posts = posts.assign(reactions=reactions.where(posts["likes"].notna() | posts["comments"].notna()))
    weeks = []
    for back in range(WEEKS, 0, -1):
        begin = as_of - 3 * DAY - 7 * back * DAY
        of_week = posts[(posts["published_at"] > begin) & (posts["published_at"] <= begin + 7 * DAY)]
        weeks.append((begin, len(of_week), *(number(of_week[name].median()) for name in ("reactions", "views"))))
    hired = own["outcomes"][own["outcomes"]["decided_at"] <= as_of]
    hired = hired.merge(frames["campaigns"], on="campaign_id").sort_values("decided_at", ascending=False)
    # What is decided and closed in one moment is not known in that moment.
    closed = (hired["closed_at"] <= as_of) & (hired["decided_at"] < as_of)
    activations = [
        (*row[:4], number(row.fee), number(row.actions) if done else None, row.closed_at if done else None)
        for row, done in zip(
            hired[["campaign_id", "goal", "vertical", "decided_at", "fee", "actions", "closed_at"]].itertuples(
                index=False
            ),
            closed,
            strict=True,
        )
    ]
    readings = stats.sort_values("observed_at")[["observed_at", "followers"]]
    return {
        "audience": audience,
        "followers": sorted((at, float(followers)) for at, followers in readings.itertuples(index=False)),
        "posts": weeks,
        "activations": sorted(activations, key=str),
    }


def plain(found: Timeline) -> dict[str, Any]:
    return {
        "audience": found.audience,
        "followers": sorted(tuple(each) for each in found.followers),
        "posts": [tuple(each) for each in found.posts],
        "activations": sorted((tuple(each) for each in found.activations), key=str),
    }


@pytest.fixture(scope="module")
def frames() -> Frames:
    return random_tables(np.random.default_rng(17))


@pytest.fixture(scope="module")
def store(frames: Frames) -> EventStore:
    return prepared(frames)


MOMENTS = [START + days * DAY for days in (-1, 40, 150.25, 300, 500)]


@pytest.mark.parametrize("as_of", MOMENTS, ids=str)
def test_it_says_what_the_tables_say(frames: Frames, store: EventStore, as_of: pd.Timestamp) -> None:
    for account in frames["accounts"]["account_id"]:
        found, expected = plain(timeline(store, account, as_of)), told(frames, account, as_of)
        for name in ("audience", "followers", "posts"):
            assert found[name] == expected[name], (account, name)
        newest = timeline(store, account, as_of).activations
        assert [each.decided_at for each in newest] == sorted((each.decided_at for each in newest), reverse=True)
        if len(expected["activations"]) <= ACTIVATIONS:
            assert found["activations"] == expected["activations"], account
        else:
            assert len(found["activations"]) == ACTIVATIONS
            assert set(found["activations"]) <= set(expected["activations"])
            oldest = newest[-1].decided_at
            left_out = set(expected["activations"]) - set(found["activations"])
            assert all(each[3] <= oldest for each in left_out)


@pytest.mark.parametrize("as_of", MOMENTS[2:4], ids=str)
def test_nothing_later_is_told(frames: Frames, store: EventStore, as_of: pd.Timestamp) -> None:
    posts, outcomes = frames["posts"], frames["outcomes"]
    known = posts["observed_at"].fillna(posts["published_at"] + 3 * DAY) <= as_of
    still_open = outcomes["closed_at"] > as_of
    assert still_open[outcomes["decided_at"] <= as_of].any()
    assert (~known).any()
    changed = frames | {
        "account_stats": frames["account_stats"][frames["account_stats"]["observed_at"] <= as_of],
        "posts": posts[known],
        "audiences": frames["audiences"][frames["audiences"]["observed_at"] <= as_of],
        "outcomes": outcomes.assign(
            actions=outcomes["actions"].mask(still_open, 999),
            posted_at=outcomes["posted_at"].mask(still_open),
            closed_at=outcomes["closed_at"].mask(still_open, outcomes["closed_at"] + 77 * DAY),
        )[outcomes["decided_at"] <= as_of],
        "interactions": frames["interactions"].assign(post_id=None),
    }
    other = prepared(changed)
    for account in frames["accounts"]["account_id"]:
        assert plain(timeline(other, account, as_of)) == plain(timeline(store, account, as_of)), account


def test_what_is_much_is_thinned(frames: Frames) -> None:
    account = "a000"
    moments = START + np.arange(1000) * DAY / 4
    many = frames | {
        "account_stats": pd.DataFrame({"account_id": account, "observed_at": moments, "followers": np.arange(1000)}),
        "audiences": pd.DataFrame(
            {
                "account_id": account,
                "observed_at": START,
                "dimension": ["city"] * 500 + ["country"],
                "bucket": [*(f"town {n}" for n in range(500)), "GB"],
                "share": [*np.arange(500) / 1e6, 0.9],
            }
        ),
    }
    found = timeline(prepared(many), account, "2030-01-01")
    assert len(found.followers) == READINGS
    assert found.followers[0] == (moments[0], 0.0)
    assert found.followers[-1] == (moments[-1], 999.0)
    steps = np.diff([each.followers for each in found.followers])
    assert set(steps) == {5.0, 6.0}, "evenly"
    assert found.audience["country"] == {"GB": 0.9}
    assert list(found.audience["city"]) == [f"town {n}" for n in range(499, 499 - BUCKETS, -1)]


def test_without_tables_there_is_nothing_to_tell(frames: Frames) -> None:
    few = {name: rows for name, rows in frames.items() if name not in {"account_stats", "audiences", "interactions"}}
    found = timeline(prepared(few), "a000", MOMENTS[3])
    assert (found.audience, found.followers) == ({}, [])
    assert sum(each.posts for each in found.posts) > 0
    assert found.activations


def test_strangers_and_moments_that_are_none(store: EventStore) -> None:
    with pytest.raises(DataError, match=r"Unknown account 'a0000'.* Did you mean 'a000'"):
        timeline(store, "a0000", "2024-05-01")
    with pytest.raises(DataError, match="no moment"):
        timeline(store, "a000", "soon")
