"""The event store: prepared once, kept, thrown away when its source changes."""

from __future__ import annotations

import gc
import json
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from features.codes import code
from features.errors import DataError
from features.follower_classifier import FollowerClassifier, default_classifier
from features.tables import CONTRACT
from tests.features.compare import Frames, assert_same_bits, different, prepared
from tests.labels import labelled
from tests.random_tables import random_pairs, random_tables
from tests.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL = {
    "influencers": 5,
    "accounts": 9,
    "campaigns": 15,
    "days": 120,
    "posts": 100,
    "interactions": 200,
    "outcomes": 50,
}


@pytest.fixture(scope="module")
def frames() -> Frames:
    return random_tables(np.random.default_rng(1), **SMALL)


@pytest.fixture(scope="module")
def pairs(frames: Frames) -> pd.DataFrame:
    return random_pairs(np.random.default_rng(2), frames, 30, days=120)


@pytest.fixture(scope="module")
def X(frames: Frames, pairs: pd.DataFrame) -> pd.DataFrame:
    return build(prepared(frames), pairs)


def written(frames: Frames, folder: Path) -> Path:
    folder.mkdir()
    for name, rows in frames.items():
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def test_parquet_and_duckdb_give_the_bits_of_frames(
    frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame, tmp_path: Path
) -> None:
    folder = written(frames, tmp_path / "parquet")
    with open_tables(folder) as tables:
        assert_same_bits(X, build(EventStore.prepare(tables), pairs))
    with duckdb.connect(str(tmp_path / "all.duckdb")) as database:
        for name in frames:
            database.execute(f"CREATE TABLE {name} AS FROM '{folder / name}.parquet'")
    with open_tables(tmp_path / "all.duckdb") as tables:
        assert_same_bits(X, build(EventStore.prepare(tables), pairs))


def test_a_store_that_is_kept_is_opened_as_it_is(
    frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame, tmp_path: Path
) -> None:
    told = Told()
    first = prepared(frames, folder=tmp_path / "store", progress=told)
    assert_same_bits(X, build(first, pairs))
    assert told.steps == [
        f"sorting {name}" for name in ("stats", "posts", "interactions", "given", "audiences", "followers", "outcomes")
    ]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.parquet")}
    again = prepared(frames, folder=tmp_path / "store", progress=told)
    assert len(told.steps) == 7
    assert told.shares[0] == 0.0
    assert_same_bits(X, build(again, pairs))
    assert_same_bits(X, build(EventStore(str(tmp_path / "store")), pairs))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.parquet")} == made
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_store_of_other_content_is_prepared_anew_with_its_scores(
    frames: Frames, pairs: pd.DataFrame, tmp_path: Path
) -> None:
    build(prepared(frames, folder=tmp_path / "store"), pairs)
    other = {**frames, "interactions": frames["interactions"][::2]}
    expected = build(prepared(other), pairs)
    assert_same_bits(expected, build(prepared(other, folder=tmp_path / "store"), pairs))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda manifest: manifest.write_text(""),
        lambda manifest: manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "layout": 0})),
        lambda manifest: manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "duckdb": "0.1"})),
    ],
    ids=["cut off", "of another layout", "of another DuckDB"],
)
def test_a_folder_that_is_no_store_of_this_version_is_refused_and_prepared_anew(
    spoil: object, frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame, tmp_path: Path
) -> None:
    prepared(frames, folder=tmp_path / "store")
    assert callable(spoil)
    spoil(tmp_path / "store" / "manifest.json")
    with pytest.raises(DataError, match="store is not an event store of this version of Impel; prepare it anew"):
        EventStore(tmp_path / "store")
    assert_same_bits(X, build(prepared(frames, folder=tmp_path / "store"), pairs))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not an event store"):
        EventStore(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:99])],
    ids=["missing", "cut off"],
)
def test_a_store_that_lacks_a_table_is_refused(spoil: Callable[[Path], object], frames: Frames, tmp_path: Path) -> None:
    spoil(prepared(frames, folder=tmp_path / "store").file("accounts"))
    with pytest.raises(DataError, match=r"store is damaged \(.+\); prepare the store anew from its tables\.$"):
        EventStore(tmp_path / "store")


def test_whoever_serves_a_store_need_not_have_prepared_it(frames: Frames, tmp_path: Path) -> None:
    folder = prepared(frames, folder=tmp_path / "store").folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    folder.chmod(0)
    with somebody_else(), pytest.raises(DataError, match=r"store cannot be read \(Permission denied\); give whoever"):
        EventStore(folder)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Whom permissions hold for: anybody but root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_store_without_a_folder_goes_with_its_object(frames: Frames) -> None:
    store = prepared(frames)
    folder = store.folder
    assert folder.exists()
    del store
    gc.collect()
    assert not folder.exists()


def test_a_preparation_that_fails_leaves_the_old_store(
    frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame, tmp_path: Path
) -> None:
    prepared(frames, folder=tmp_path / "store")

    def stop(_step: str, _share: float | None = None, /) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared({**frames, "posts": frames["posts"][::2]}, folder=tmp_path / "store", progress=stop)
    assert_same_bits(X, build(EventStore(tmp_path / "store"), pairs))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_with_something_else_in_it_is_left_alone(frames: Frames, tmp_path: Path) -> None:
    data = written(frames, tmp_path / "data")
    with pytest.raises(DataError, match="data holds something that is no event store; give a new or empty folder"):
        prepared(frames, folder=data)
    assert sorted(path.stem for path in data.iterdir()) == sorted(frames)
    (tmp_path / "empty").mkdir()
    prepared(frames, folder=tmp_path / "empty")


def test_accounts_of_an_influencer_share_a_bucket(frames: Frames) -> None:
    store = prepared(frames, buckets=4)
    accounts = store.accounts
    assert len(accounts) == len(frames["accounts"])
    assert (accounts.groupby("influencer_id")["bucket"].agg(lambda of_one: of_one.max() - of_one.min()) == 0).all()
    for number in range(4):
        mine = accounts[accounts["bucket"] == number]
        bucket = store.bucket(number)
        assert list(bucket.accounts["account_id"]) == list(mine["account_id"])
        assert list(bucket.accounts["row"]) == list(mine.index)
        assert list(mine["owner"]) == list(range(len(mine)))
        assert (np.diff(bucket.influencer) >= 0).all()
        for events in bucket.events.values():
            assert len(events.offsets) == len(mine) + 1
            assert events.offsets[-1] == len(events.at)


def test_few_buckets_stay_in_memory_and_the_bits_stay(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    store = prepared(frames, buckets=5)
    store.resident = 1
    assert_same_bits(X, build(store, pairs))
    assert store.bucket(3) is store.bucket(3)
    assert len(store._resident) == 1


def test_less_memory_makes_more_buckets_of_the_same_bits(
    frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.prepare.ROWS_PER_BUCKET", sum(map(len, frames.values())))
    enough, less = (prepared(frames, memory=gib << 30) for gib in (2, 1))
    # Of one GiB libraries take half, of two a quarter.
    assert (enough.buckets, less.buckets) == (2, 4)
    assert_same_bits(build(less, pairs), X)


def test_activations_are_the_outcomes_with_their_labels(frames: Frames) -> None:
    activations = prepared(frames).activations()
    assert list(activations.columns) == [
        *(
            "campaign_id",
            "account_id",
            "decided_at",
            "fee",
            "goal",
            "value_per_action",
            "actions",
            "incremental_actions",
            "posted",
            "closed_at",
            "propensity",
        )
    ]
    assert str(activations["posted"].dtype) == "bool"
    keys = ["decided_at", "campaign_id", "account_id"]
    assert activations[keys].equals(activations[keys].sort_values(keys, ignore_index=True))
    expected = frames["outcomes"].merge(frames["campaigns"], on="campaign_id").sort_values(keys, ignore_index=True)
    for name in activations.columns.drop("posted"):
        assert list(activations[name].dropna()) == list(expected[name].dropna()), name
    assert list(activations["posted"]) == list(expected["posted_at"].notna())


def test_what_a_store_says_of_its_source(frames: Frames) -> None:
    some = {name: frames[name] for name in frames if name not in ("audiences", "followers")}
    with open_tables(some) as tables:
        store = EventStore.prepare(tables)
        assert store.fingerprint == tables.fingerprint
    assert store.missing == ("audiences", "followers")
    assert list(store.campaigns.columns) == [column.name for column in CONTRACT["campaigns"].columns]
    assert list(store.campaign_audience.columns) == [column.name for column in CONTRACT["campaign_audience"].columns]
    moments = [some["account_stats"]["observed_at"], some["posts"]["published_at"], some["posts"]["observed_at"]]
    moments += [some["interactions"]["at"], some["outcomes"]["closed_at"]]
    assert store.newest == max(column.max() for column in moments)


def test_a_source_without_a_moment_makes_a_store(frames: Frames) -> None:
    some = {name: rows if name in ("accounts", "campaigns") else rows[:0] for name, rows in frames.items()}
    assert pd.isna(prepared(some).newest)


def test_rows_of_accounts_that_are_not_listed_are_nobodys(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    strangers = {
        name: pd.concat([frames[name], frames[name].assign(account_id="stranger")])
        for name in ("account_stats", "posts", "audiences", "followers")
    }
    assert_same_bits(X, build(prepared({**frames, **strangers}), pairs))


@pytest.mark.parametrize(
    "word", ["food", "", "language\x1fen", "\U0001f469\u200d\U0001f373", "\u0637\u0639\u0627\u0645"]
)
def test_a_word_has_the_code_that_duckdb_gives_it(word: str) -> None:
    query = "SELECT hash(word) FROM (SELECT unnest([?, 'other']) AS word) LIMIT 1"
    with duckdb.connect() as database:
        (hashed,) = database.execute(query, [word]).fetchone()
    assert code(word) % 2**64 == hashed


def test_each_follower_classifier_has_its_own_features_and_publications(tmp_path: Path) -> None:
    rng = np.random.default_rng(21)
    frames = random_tables(rng, **{**SMALL, "accounts": 14})
    pairs = random_pairs(rng, frames, 60, days=120)
    labels = labelled(60, 70)
    trained = FollowerClassifier(base_rate=0.5).fit(labels, labels["fake"])

    def built(name: str, *classifiers: FollowerClassifier) -> list[pd.DataFrame]:
        store, found = prepared(frames, folder=tmp_path / name, buckets=3), []
        for classifier in classifiers:
            store.follower_classifier = classifier
            found.append(build(store, pairs))
        return found

    default, other = (built(name, one)[0] for name, one in (("one", default_classifier()), ("two", trained)))
    assert {"fake_share", "klout_score", "peerindex"} <= different(default, other)
    orders = built("three", default_classifier(), trained), built("four", trained, default_classifier())[::-1]
    # The second time, everything that was published is read from the folder.
    again = built("three", trained, default_classifier())[::-1]
    for one, two in (*orders, again):
        assert_same_bits(one, default)
        assert_same_bits(two, other)
    store = EventStore(tmp_path / "three")
    before = store.publications_of_classifier
    store.follower_classifier = trained
    assert store.publications_of_classifier != before
    # As a bundle brings it.
    bucket = store.bucket(0)
    store.follower_classifier = FollowerClassifier.from_json(trained.to_json())
    assert store.bucket(0) is bucket
    store.follower_classifier = default_classifier()
    assert store.publications_of_classifier == before


def test_what_no_follower_changes_is_published_once_for_all_classifiers(tmp_path: Path) -> None:
    rng = np.random.default_rng(21)
    frames = random_tables(rng, **{**SMALL, "accounts": 14})
    store, pairs = prepared(frames, folder=tmp_path / "store"), random_pairs(rng, frames, 60, days=120)
    build(store, pairs)
    shared = {path: path.stat().st_mtime_ns for path in store.publications.rglob("*.npz") if "scores" not in path.parts}
    assert {path.relative_to(store.publications).parts[0] for path in shared} == {"peers", "vocabulary"}
    labels = labelled(60, 70)
    store.follower_classifier = FollowerClassifier().fit(labels, labels["fake"])
    build(store, pairs)
    assert {path: path.stat().st_mtime_ns for path in shared} == shared
    own = {
        path.relative_to(store.publications_of_classifier).parts[0]
        for path in store.publications_of_classifier.rglob("*.npz")
    }
    assert own == {"scores"}


def test_an_appended_store_keeps_its_follower_classifier() -> None:
    rng = np.random.default_rng(22)
    frames = random_tables(rng, **SMALL)
    pairs = random_pairs(rng, frames, 40, days=120)
    labels = labelled(60, 70)
    trained = FollowerClassifier().fit(labels, labels["fake"])
    early = frames["followers"]["observed_at"] < pd.Timestamp("2024-03-01")
    store, whole = prepared(frames | {"followers": frames["followers"][early]}), prepared(frames)
    store.follower_classifier = whole.follower_classifier = trained
    build(store, pairs)
    with open_tables(
        {name: rows[:0] for name, rows in frames.items()} | {"followers": frames["followers"][~early]}
    ) as tables:
        store = store.append(tables)
    assert_same_bits(build(store, pairs), build(whole, pairs))
