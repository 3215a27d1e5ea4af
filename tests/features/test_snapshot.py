"""A snapshot holds what features would be, bit by bit, whatever is in the data, and says so where it is not whole."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from features.briefs import Briefs
from features.catalogue import FEATURES
from features.errors import DataError
from features.materialize import materialize
from features.snapshot import Snapshot
from tests.features.compare import Frames, prepared
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = {"influencers": 9, "accounts": 14, "campaigns": 30, "days": 300, "posts": 250, "interactions": 400}
OPTIONAL = ("account_stats", "interactions", "audiences", "followers", "campaign_audience")


def tables(seed: int) -> Frames:
    return random_tables(np.random.default_rng(seed), **SMALL)


def assert_same_features(snapshot: Snapshot, store: EventStore, campaign: str) -> None:
    """Compare all features of all accounts for a campaign of the store with what `build` makes of the events."""
    rows = np.arange(len(store.accounts))
    fee = np.where(rows % 3 == 0, np.nan, 40.0 * rows)
    pairs = pd.DataFrame(
        {
            "campaign_id": campaign,
            "account_id": store.accounts["account_id"],
            "decided_at": snapshot.as_of,
            "fee": fee,
        }
    )
    expected = build(store, pairs)
    briefs = Briefs.of(store.campaigns[store.campaigns["campaign_id"] == campaign], store.campaign_audience)
    of_pairs = snapshot.pair_features(briefs, rows, fee)
    assert set(snapshot.contents.columns).isdisjoint(of_pairs)
    for name in FEATURES:
        found = of_pairs[name] if name in of_pairs else snapshot.features[:, snapshot.column_of[name]]
        assert np.array_equal(found, expected[name].to_numpy(), equal_nan=True), name


@pytest.mark.parametrize("days_before_the_end", [0.0, 3.25, 120.0])
def test_the_features_of_a_snapshot_are_those_of_the_events(days_before_the_end: float, tmp_path: Path) -> None:
    store = prepared(tables(1), buckets=3)
    as_of = store.newest - pd.Timedelta(days=days_before_the_end)
    snapshot = materialize(store, tmp_path / "snapshot", as_of=as_of)
    assert snapshot.as_of == as_of
    for campaign in store.campaigns["campaign_id"].iloc[::10]:
        assert_same_features(snapshot, store, campaign)


@pytest.mark.parametrize("missing", OPTIONAL)
def test_what_needs_a_table_that_is_missing_is_null(missing: str, tmp_path: Path) -> None:
    store = prepared({name: rows for name, rows in tables(2).items() if name != missing})
    snapshot = materialize(store, tmp_path / "snapshot")
    assert_same_features(snapshot, store, store.campaigns["campaign_id"].iloc[0])


def test_some_accounts_in_any_order_are_those_of_all(tmp_path: Path) -> None:
    store = prepared(tables(3), buckets=2)
    snapshot = materialize(store, tmp_path / "snapshot")
    briefs = Briefs.of(store.campaigns.iloc[:1], store.campaign_audience)
    every, fee = np.arange(len(store.accounts)), np.linspace(0, 900, len(store.accounts))
    of_all = snapshot.pair_features(briefs, every, fee)
    for rows in (every[::-1], np.array([5, 2, 5]), every[:1], every[:0]):
        of_some = snapshot.pair_features(briefs, rows, fee[rows])
        for name, values in of_all.items():
            assert np.array_equal(of_some[name], values[rows], equal_nan=True), name


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_after_an_append_it_is_the_one_made_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tables(4)
    day = pd.Timestamp(frames["account_stats"]["observed_at"].max())
    store = prepared(frames, folder=tmp_path / "store", buckets=4)
    # A moment whose publications no new row can change: what came before it stays as it was.
    as_of = store.newest + pd.Timedelta(days=1)
    materialize(store, tmp_path / "snapshot", as_of=as_of)
    account = frames["accounts"]["account_id"].iloc[0]
    new = {"account_stats": pd.DataFrame({"account_id": [account], "observed_at": [day], "followers": [4242]})}
    with open_tables(new, partial=True) as more:
        store = store.append(more)
    made: list[int] = []
    read = EventStore.bucket
    monkeypatch.setattr(EventStore, "bucket", lambda self, number: (made.append(number), read(self, number))[1])
    again = materialize(store, tmp_path / "snapshot", as_of=as_of)
    worked_on = set(made)
    materialize(store, tmp_path / "whole", as_of=as_of)
    assert contents(tmp_path / "snapshot") == contents(tmp_path / "whole")
    row = again.row_of[account]
    assert again.features[row, again.column_of["usual followers"]] == 4242
    assert worked_on, "the bucket with the new row is worked on"
    made.clear()
    materialize(store, tmp_path / "snapshot", as_of=as_of)
    assert not made, "nothing has changed"


def test_an_account_that_is_new_has_its_place(tmp_path: Path) -> None:
    frames = tables(5)
    store = prepared(frames, folder=tmp_path / "store", buckets=4)
    as_of = store.newest
    materialize(store, tmp_path / "snapshot", as_of=as_of)
    new = frames["accounts"].iloc[[0]].assign(account_id="a0000", influencer_id="somebody new")
    with open_tables({"accounts": new}, partial=True) as more:
        store = store.append(more)
    again = materialize(store, tmp_path / "snapshot", as_of=as_of)
    materialize(store, tmp_path / "whole", as_of=as_of)
    assert contents(tmp_path / "snapshot") == contents(tmp_path / "whole")
    assert "a0000" in again.row_of


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot") / "kept"
    materialize(prepared(tables(6)), folder)
    return folder


def cut(folder: Path) -> None:
    path = folder / "features.npy"
    path.write_bytes(path.read_bytes()[:-8])


def flip(folder: Path) -> None:
    path = folder / "features.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


def manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        found = json.loads((folder / "manifest.json").read_text())
        change(found)
        (folder / "manifest.json").write_text(json.dumps(found))

    return spoil


BROKEN: list[tuple[Callable[[Path], object], str]] = [
    (cut, "bytes instead of"),
    (flip, "is damaged: its SHA-256 differs"),
    (lambda folder: (folder / "posts.at.npy").unlink(), "posts.at.npy is missing"),
    (lambda folder: (folder / "manifest.json").unlink(), "is no snapshot; make one with"),
    (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json is damaged"),
    (lambda folder: (folder / "manifest.json").write_text("[]"), "no snapshot of this version"),
    (manifest(lambda found: found.pop("columns")), "manifest.json is damaged"),
    (manifest(lambda found: found.update(format=0)), "no snapshot of this version"),
    (manifest(lambda found: found.update(catalogue="other")), "computes otherwise"),
    (manifest(lambda found: found["files"].pop("outcomes.at.npy")), "is no whole snapshot"),
    (manifest(lambda found: found.update(files={"../x": [1, "0"]})), "files that lie elsewhere"),
]


@pytest.mark.parametrize(("spoil", "message"), BROKEN)
def test_what_is_not_whole_is_refused(
    spoil: Callable[[Path], object], message: str, kept: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(kept, tmp_path / "broken")
    Snapshot.open(folder)
    spoil(folder)
    with pytest.raises(DataError, match=message) as error:
        Snapshot.open(folder)
    assert "impel materialize" in str(error.value)


def test_a_pickle_is_never_read(kept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(kept, tmp_path / "broken")
    np.save(folder / "features.npy", np.array([object()]), allow_pickle=True)
    content = (folder / "features.npy").read_bytes()
    import hashlib

    found = json.loads((folder / "manifest.json").read_text())
    found["files"]["features.npy"] = [len(content), hashlib.sha256(content).hexdigest()]
    (folder / "manifest.json").write_text(json.dumps(found))
    with pytest.raises(DataError, match="is no whole snapshot"):
        Snapshot.open(folder)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something that is no snapshot"):
        materialize(prepared(tables(6)), tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_who_has_mapped_a_snapshot_reads_on_while_it_is_replaced(tmp_path: Path) -> None:
    store = prepared(tables(6))
    before = materialize(store, tmp_path / "snapshot")
    kept = np.array(before.features)
    after = materialize(store, tmp_path / "snapshot", as_of=store.newest - pd.Timedelta(days=100))
    assert np.array_equal(before.features, kept, equal_nan=True)
    assert not np.array_equal(after.features, kept, equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]
