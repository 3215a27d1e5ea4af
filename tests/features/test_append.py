"""Appending: a store that grew is, bit by bit, the store that is prepared of all rows at once."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from features.errors import DataError
from tests.features.compare import Frames, assert_same_bits, prepared
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 240
SMALL = {"influencers": 9, "accounts": 14, "campaigns": 30, "days": DAYS, "posts": 200, "interactions": 500}
TIMES = {
    "account_stats": "observed_at",
    "posts": "published_at",
    "interactions": "at",
    "audiences": "observed_at",
    "followers": "observed_at",
    "outcomes": "closed_at",
}


def split(rng: np.random.Generator, frames: Frames, *, parts: int, late: float) -> list[Frames]:
    """Split tables by time into a large part and small ones; of the rows, a share comes in any later part instead.

    Accounts and campaigns are listed in any part, and their rows come with them or later.
    """
    listed = {}
    pieces: list[Frames] = [{} for _ in range(parts)]
    for name, rows in frames.items():
        if name in TIMES:
            when = rows[TIMES[name]].rank(pct=True).to_numpy()
            part = np.maximum(np.ceil((when - 0.6) / 0.4 * (parts - 1)), 0)
        else:
            part = np.zeros(len(rows))
        any_part = rng.integers(0, parts, len(rows))
        part = np.where(rng.random(len(rows)) < (0.5 if name not in TIMES else late), any_part, part)
        for key in ("account_id", "campaign_id"):
            if key in rows and key in listed:
                part = np.maximum(part, rows[key].map(listed[key]))
        if name in {"accounts", "campaigns"}:
            key = name[:-1] + "_id"
            listed[key] = dict(zip(rows[key], part, strict=True))
        for number in range(parts):
            pieces[number][name] = rows[part == number].sample(frac=1, random_state=rng)
    return pieces


def grown(pieces: list[Frames], folder: Path | None = None, **options: int) -> EventStore:
    store = prepared(pieces[0], folder=folder, **options)
    for piece in pieces[1:]:
        with open_tables(piece) as tables:
            store = store.append(tables)
    return store


def assert_same_store(one: EventStore, other: EventStore) -> None:
    """Compare everything that a feature can see; `arrival` is the only trace of the way."""
    assert (one.missing, one.newest, one.buckets) == (other.missing, other.newest, other.buckets)
    for name in ("accounts", "campaigns", "campaign_audience"):
        left, right = (getattr(store, name).drop(columns="arrival", errors="ignore") for store in (one, other))
        pd.testing.assert_frame_equal(left, right)
    pd.testing.assert_frame_equal(one.activations(), other.activations())
    pd.testing.assert_frame_equal(one.follower_labels(), other.follower_labels())
    assert one.slice_of == other.slice_of
    for number in range(one.buckets):
        for name, events in one.bucket(number).events.items():
            same = other.bucket(number).events[name]
            assert sorted(events.columns) == sorted(same.columns)
            assert np.array_equal(events.offsets, same.offsets), name
            assert np.array_equal(events.at, same.at), name
            for column in events.columns:
                left, right = events[column], same[column]
                assert left.dtype == right.dtype, (name, column)
                assert left.tobytes() == right.tobytes(), (name, column)


@pytest.mark.parametrize("seed", range(8))
def test_a_store_that_grew_is_the_store_of_all_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    frames = random_tables(rng, **SMALL)
    pieces = split(rng, frames, parts=int(rng.integers(2, 6)), late=float(rng.choice([0, 0.03, 1])))
    if seed % 3 == 0:
        late_tables = rng.choice(["interactions", "audiences", "followers", "account_stats"], 2, replace=False)
        pieces[1] |= {name: pd.concat([pieces[0].pop(name), pieces[1][name]]) for name in late_tables}
    buckets = int(rng.integers(1, 4))
    store = grown(pieces, buckets=buckets)
    # Large tables go through files and in pieces, all or in part; here small ones do.
    monkeypatch.setattr("features.prepare.HELD", seed % 2 * 1e-6)
    monkeypatch.setattr("features.prepare.BATCH", 50)
    assert_same_store(store, prepared(frames, buckets=buckets))


def test_features_and_publications_of_a_store_that_grew(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frames = random_tables(rng, **SMALL)
    pairs = random_pairs(rng, frames, 60, days=DAYS)
    pieces = split(rng, frames, parts=3, late=0)
    store = prepared(pieces[0], folder=tmp_path / "store")
    for piece in pieces[1:]:
        known = pairs["account_id"].isin(store.accounts["account_id"])
        known &= pairs["campaign_id"].isin(store.campaigns["campaign_id"])
        build(store, pairs[known])  # publishes what will be out of date, in part
        with open_tables(piece) as tables:
            store = store.append(tables)
    expected = build(prepared(frames), pairs)
    assert_same_bits(build(store, pairs), expected)
    assert_same_bits(build(EventStore(tmp_path / "store"), pairs), expected)


def test_what_was_published_before_the_new_rows_is_kept() -> None:
    frames = random_tables(np.random.default_rng(4), **SMALL)
    pairs = random_pairs(np.random.default_rng(5), frames, 60, days=DAYS)
    store = prepared(frames)
    build(store, pairs)
    old = {path.name for path in store.publications.rglob("*.np*")}
    since = frames["posts"]["published_at"].max() - pd.Timedelta(days=60)
    new = {name: rows[:0] for name, rows in frames.items()}
    new["posts"] = frames["posts"][frames["posts"]["published_at"] > since].assign(
        post_id=lambda of: "new" + of["post_id"]
    )
    with open_tables(new) as tables:
        store = store.append(tables)
    kept = {path.name for path in store.publications.rglob("*.np*")}
    first = int(new["posts"]["published_at"].min().timestamp() * 1_000_000)
    assert kept == {name for name in old if int(name.split(".")[0]) < first}
    assert kept


def test_an_open_store_reads_on_while_rows_are_appended(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    pieces = split(rng, random_tables(rng, **SMALL), parts=2, late=0.3)
    store = prepared(pieces[0], folder=tmp_path / "store", buckets=2)
    with open_tables(pieces[1]) as tables:
        store.append(tables)
    assert_same_store(store, prepared(pieces[0], buckets=2))


def test_an_append_that_fails_leaves_the_store(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    frames = random_tables(rng, **SMALL)
    pieces = split(rng, frames, parts=2, late=0.3)
    store = prepared(pieces[0], folder=tmp_path / "store", buckets=2)
    done: list[str] = []

    def stop(step: str, _share: float | None = None, /) -> None:
        done.append(step)
        if len(done) == 6:
            raise KeyboardInterrupt

    with open_tables(pieces[1]) as tables:
        with pytest.raises(KeyboardInterrupt):
            store.append(tables, progress=stop)
        assert_same_store(EventStore(tmp_path / "store"), prepared(pieces[0], buckets=2))
        store.append(tables)
    assert_same_store(EventStore(tmp_path / "store"), prepared(frames, buckets=2))
    # What the run that was cut off left behind is not among the files.
    assert not list((tmp_path / "store").glob("unfinished*"))


def test_the_fingerprint_follows_what_was_appended(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    pieces = split(rng, random_tables(rng, **SMALL), parts=3, late=0.3)
    first = prepared(pieces[0], folder=tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    one, two = (grown_from(EventStore(tmp_path / name), pieces[1:]) for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint != first.fingerprint
    assert grown_from(first := prepared(pieces[0]), pieces[2:]).fingerprint not in {one.fingerprint, first.fingerprint}


@pytest.mark.parametrize("layout", ["of this version", "of another version"])
def test_preparing_never_loses_what_was_appended(layout: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    pieces = split(rng, random_tables(rng, **SMALL), parts=2, late=0.3)
    grown(pieces, folder=tmp_path / "store")
    manifest = tmp_path / "store" / "manifest.json"
    if layout == "of another version":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "layout": 0}))
    before = manifest.read_bytes()
    with pytest.raises(DataError, match=r"Rows were appended to the store in .* would lose them; give a new or empty"):
        prepared(pieces[0], folder=tmp_path / "store")
    assert manifest.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def grown_from(store: EventStore, pieces: list[Frames]) -> EventStore:
    for piece in pieces:
        with open_tables(piece) as tables:
            store = store.append(tables)
    return store


def test_listed_things_may_come_again_as_they_are() -> None:
    rng = np.random.default_rng(9)
    frames = random_tables(rng, **SMALL)
    first, second = split(rng, frames, parts=2, late=0.5)
    whole = ("accounts", "campaigns", "campaign_audience")
    again = second | {name: frames[name] for name in whole}
    assert_same_store(grown([first, again]), prepared(frames))


def test_rows_that_come_again_are_there_twice() -> None:
    frames = random_tables(np.random.default_rng(10), **SMALL)
    again = {name: rows[:0] for name, rows in frames.items()}
    again |= {name: frames[name][::7] for name in TIMES if name != "outcomes"}
    twice = {name: pd.concat([rows, again[name]]) for name, rows in frames.items()}
    assert_same_store(grown([frames, again]), prepared(twice))


def _nothing(frames: Frames) -> Frames:
    return {name: rows[:0] for name, rows in frames.items()}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frames: frames, "These rows are in the store already; append only what is new."),
        (
            lambda frames: _nothing(frames) | {"accounts": frames["accounts"][:1].assign(platform="blog")},
            "accounts: account_id 'a000' is in the store with other values; prepare the store anew to change it.",
        ),
        (
            lambda frames: _nothing(frames) | {"campaigns": frames["campaigns"][:1].assign(attribution_days=99)},
            "campaigns: campaign_id 'c000' is in the store with other values",
        ),
        (
            lambda frames: _nothing(frames) | {"accounts": frames["accounts"][:1].assign(account_id="stranger")},
            "accounts: stranger is new, but rows of it came before and were left out; prepare the store anew",
        ),
        (
            lambda frames: _nothing(frames) | {"campaigns": frames["campaigns"][:1].assign(campaign_id="cx")},
            "campaigns: cx is new, but rows of it came before and were left out",
        ),
    ],
    ids=["twice", "another account", "another campaign", "a late account", "a late campaign"],
)
def test_what_cannot_be_appended_is_refused(spoil: object, message: str) -> None:
    frames = random_tables(np.random.default_rng(11), **SMALL)
    frames["posts"] = pd.concat([frames["posts"], frames["posts"][:1].assign(account_id="stranger")])
    frames["outcomes"] = pd.concat([frames["outcomes"], frames["outcomes"][:1].assign(campaign_id="cx")])
    store = prepared(frames)
    assert callable(spoil)
    with open_tables(spoil(frames)) as tables, pytest.raises(DataError, match=message):
        store.append(tables)
    assert_same_store(EventStore(store.folder), prepared(frames))


def test_a_store_without_a_folder_goes_with_the_last_that_reads_it() -> None:
    rng = np.random.default_rng(12)
    pieces = split(rng, random_tables(rng, **SMALL), parts=2, late=0.5)
    store = grown(pieces)
    folder = store.folder
    assert folder.exists()
    del store
    assert not folder.exists()


def test_threads_may_read_one_store() -> None:
    frames = random_tables(np.random.default_rng(13), **SMALL)
    store, expected = prepared(frames, buckets=5), prepared(frames, buckets=5)
    store.resident, expected.resident = 2, 5
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(store.bucket, [number % 5 for number in range(60)]))
    assert len(store._resident) <= 2
    for place, bucket in enumerate(read):
        assert list(bucket.accounts["account_id"]) == list(expected.bucket(place % 5).accounts["account_id"])
        assert bucket.events["posts"].at.tobytes() == expected.bucket(place % 5).events["posts"].at.tobytes()


def test_two_may_prepare_one_folder_at_a_time(tmp_path: Path) -> None:
    frames = random_tables(np.random.default_rng(14), **SMALL)
    folder = tmp_path / "store"
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: prepared(frames, folder=folder), range(4)))
    for store in stores:
        assert_same_store(store, prepared(frames))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
