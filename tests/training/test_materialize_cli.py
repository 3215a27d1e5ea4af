"""`impel materialize`: what it says, and what it refuses in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features import EventStore, open_tables
from features.snapshot import Snapshot
from serving import loading
from tests.command import impel
from tests.models import made_bundle
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "store"
    with open_tables(random_tables(np.random.default_rng(8), accounts=10, influencers=7, posts=100)) as tables:
        EventStore.prepare(tables, folder)
    return folder


def test_it_says_what_it_made_and_the_service_takes_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = impel("materialize", store, "--out", tmp_path / "snapshot", "--as-of", "2025-01-05")
    assert told.exit_code == 0, told.stderr
    assert "10 accounts as of 2025-01-05T00:00:00Z" in told.stdout
    as_json = json.loads(impel("materialize", store, "--out", tmp_path / "snapshot", "--json").stdout)
    made = Snapshot.open(tmp_path / "snapshot")
    newest = EventStore(store).newest
    assert made.as_of == newest, "the one of before was made anew"
    assert pd.Timestamp(as_json["as_of"]).tz_localize(None) == newest
    assert as_json["accounts"] == 10
    for name, value in {"DATA": store, "SNAPSHOT": tmp_path / "snapshot", "MODEL": made_bundle(tmp_path / "b")}.items():
        monkeypatch.setenv(f"IMPEL_{name}", str(value))
    assert loading.load().as_of == newest


def test_a_folder_of_something_else_is_refused_in_one_line(store: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    told = impel("materialize", store, "--out", tmp_path)
    assert told.exit_code == 1
    assert "holds something that is no snapshot; give a new or empty folder." in told.stderr
    assert impel("materialize", store).exit_code == 2, "--out is needed"
