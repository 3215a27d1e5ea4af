"""`impel prepare` and `impel append`: a store that grew answers what the whole data answer, in every command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from serving import loading
from tests.command import done, impel
from tests.models import made_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENTS = {
    "account_stats": "observed_at",
    "posts": "observed_at",
    "interactions": "at",
    "audiences": "observed_at",
    "followers": "observed_at",
    "outcomes": "closed_at",
}
DAYS = pd.to_datetime(["2026-06-01", "2026-06-02"], utc=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("IMPEL_HOME", str(folder))
        patch.delenv("IMPEL_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(scope="module")
def market(home: Path) -> Path:
    """Simulate a market, and write beside it what was known in May, on the day after, and later."""
    folder = home / "market"
    done("simulate", folder, "--influencers", 60, "--campaigns", 20, "--seed", 4)
    tables = {path.stem: pd.read_parquet(path) for path in folder.iterdir()}
    # An account that is new on the day itself, with all that there is of it.
    newcomer = tables["accounts"]["account_id"].iloc[-1]
    for number, place in enumerate(("may", "day", "june")):
        (home / place).mkdir()
        for name, rows in tables.items():
            known = DAYS.searchsorted(rows[MOMENTS[name]], side="right") if name in MOMENTS else np.zeros(len(rows))
            if "account_id" in rows:
                known = np.maximum(known, rows["account_id"] == newcomer)
            if (known == number).any():
                rows[known == number].to_parquet(home / place / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def store(market: Path) -> Path:
    home = market.parent
    done("prepare", home / "may", "--out", home / "store")
    done("append", home / "store", home / "day")
    done("append", home / "store", home / "june")
    return home / "store"


@pytest.fixture(scope="module")
def model(home: Path) -> Path:
    return made_bundle(home / "model")


def test_a_day_brings_what_is_new_alone(market: Path, home: Path, tmp_path: Path) -> None:
    done("prepare", home / "may", "--out", tmp_path / "store")
    told = json.loads(done("append", tmp_path / "store", home / "day", "--json"))
    files = {path.stem for path in (home / "day").iterdir()}
    assert {"accounts", "posts"} <= files
    assert not files & {"campaigns", "campaign_audience"}, "any table may be missing"
    assert told["appended"] == {name: len(pd.read_parquet(home / "day" / f"{name}.parquet")) for name in files}
    assert told["newest"] < "2026-06-02"
    assert told["accounts"] == len(pd.read_parquet(market / "accounts.parquet"))


def test_the_grown_store_is_that_of_the_whole_data(market: Path, store: Path, home: Path) -> None:
    done("features", market, "--out", home / "whole.parquet")
    done("features", store, "--out", home / "grown.parquet")
    whole, grown = (pd.read_parquet(home / f"{name}.parquet") for name in ("whole", "grown"))
    pd.testing.assert_frame_equal(whole, grown, check_exact=True)


def test_predict_and_rank_answer_on_the_store_what_they_answer_on_the_data(
    market: Path, store: Path, home: Path, model: Path
) -> None:
    outcomes = pd.read_parquet(market / "outcomes.parquet").sample(20, random_state=0)
    outcomes[["campaign_id", "account_id", "decided_at", "fee"]].to_csv(home / "pairs.csv", index=False)
    for command in (("predict", "--pairs", home / "pairs.csv"), ("rank", "--campaign", "c0019")):
        name, *options = command
        assert done(name, store, *options, "--model", model) == done(name, market, *options, "--model", model)


def test_the_service_answers_from_the_store(
    market: Path, store: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `impel serve STORE` sets them.
    for name, place in (("DATA", store), ("STORE", store), ("MODEL", model)):
        monkeypatch.setenv(f"IMPEL_{name}", str(place))
    known = loading.load()
    assert known.store.folder == store
    assert set(known.store.accounts["account_id"]) == set(pd.read_parquet(market / "accounts.parquet")["account_id"])
    assert known.as_of >= pd.Timestamp("2026-06-02")


def test_preparing_again_changes_nothing_and_never_loses_what_was_appended(
    market: Path, store: Path, tmp_path: Path
) -> None:
    assert done("prepare", market, "--out", tmp_path / "store") == done("prepare", market, "--out", tmp_path / "store")
    refused = impel("prepare", market, "--out", store)
    assert refused.exit_code == 1
    assert "Rows were appended to the store" in refused.stderr
    assert json.loads(done("prepare", market, "--out", tmp_path / "store", "--json"))["activations"] > 0


def _table(name: str, **columns: object) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame({key: [value] for key, value in columns.items()})}


STAT = {"account_id": "a00001", "observed_at": "2026-07-01", "followers": 10}
BAD = [
    ({}, "has no table of the data contract: accounts, account_stats, posts, "),
    (_table("account_stats", **STAT | {"account_id": "nobody"}), "1 row whose account_id is not in accounts"),
    (_table("account_stats", **STAT | {"followers": -1}), "below 0"),
    (_table("account_stats", account_id="a00001", followers=3), "observed_at: The column is missing"),
    (
        _table("accounts", account_id="a00001", influencer_id="i1", platform="blog"),
        "account_id 'a00001' is in the store with other values",
    ),
    (
        _table("interactions", actor_id="x", account_id="nobody", kind="comment", at="2026-07-01"),
        "1 row whose account_id is not in accounts",
    ),
]


@pytest.mark.parametrize(("tables", "message"), BAD, ids=[message for _, message in BAD])
def test_new_rows_that_cannot_be_used_leave_the_store(
    tables: dict[str, pd.DataFrame], message: str, store: Path, tmp_path: Path
) -> None:
    before = (store / "manifest.json").read_bytes()
    for name, rows in tables.items():
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    result = impel("append", store, tmp_path)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert (store / "manifest.json").read_bytes() == before
    if "impel check" in result.stderr:
        assert message in impel("check", tmp_path, "--store", store).stdout


def test_a_late_row_and_a_new_reading_are_no_problem_for_the_check(store: Path, tmp_path: Path) -> None:
    late = pd.DataFrame([STAT | {"observed_at": "2020-01-01"}, STAT])
    late.to_csv(tmp_path / "account_stats.csv", index=False)
    assert done("check", tmp_path, "--store", store).splitlines() == ["account_stats: 2 rows", "No problems."]


WRONG = [
    (("append", "{home}/nowhere", "{home}/day"), "nowhere is not an event store; make one with: impel prepare DATA"),
    (("append", "{home}/market", "{home}/day"), "market is not an event store; make one with"),
    (("append", "{store}", "{home}/day"), "outcomes"),
    (("append", "{store}", "{home}/nowhere"), "There is no data at"),
    (("append", "{store}", "{store}"), "is an event store, which holds no tables"),
    (("append", "{store}", "{home}/market"), "are in the store already; append only what is new"),
    (("check", "{store}"), "is an event store, which holds no tables"),
    (("check", "{home}/day", "--store", "{home}/market"), "market is not an event store"),
    (("scores", "{store}", "--account", "a00001"), "is an event store, which holds no tables"),
    (("prepare", "{home}/market", "--out", "{home}/day"), "day holds something that is no event store"),
    (("prepare", "{home}/day", "--out", "{home}/new"), "The table is missing"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_errors_are_one_line(arguments: tuple[str, ...], message: str, store: Path, home: Path) -> None:
    result = impel(*(word.format(home=home, store=store) for word in arguments))
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


def test_the_same_rows_twice_are_refused(store: Path, tmp_path: Path) -> None:
    pd.DataFrame([STAT]).to_csv(tmp_path / "account_stats.csv", index=False)
    done("append", store, tmp_path)
    again = impel("append", store, tmp_path)
    assert again.exit_code == 1
    assert "These rows are in the store already" in again.stderr


@pytest.mark.parametrize("arguments", [("append",), ("append", "store"), ("prepare", "market")])
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert impel(*arguments).exit_code == 2
