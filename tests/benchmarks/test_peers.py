"""What the benchmark compares is the same: each peer's features equal Impel's on generated tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from benchmarks import AGREE
from benchmarks.compared import COMPARED, difference, sample
from benchmarks.features import main
from benchmarks.generate import Size, generate
from benchmarks.peers import duckdb_features, pandas_features, polars_features
from features import EventStore, build, open_tables
from features.catalogue import FEATURES
from features.checks import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = Size(accounts=40, campaigns=40, candidates=30, posts=80, interactions=150, followers=60)
PEERS: dict[str, Callable[[Path, Path], None]] = {
    "pandas": pandas_features.run,
    "duckdb": lambda folder, out: duckdb_features.run(folder, out, "1GB"),
    "polars": polars_features.run,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("benchmark")
    generate(place, SIZE, lambda _: None)
    return place


@pytest.fixture(scope="module")
def expected(folder: Path) -> pd.DataFrame:
    pairs = pd.read_parquet(folder / "pairs.parquet").set_index("pair")
    with open_tables(folder / "source") as tables:
        return build(EventStore.prepare(tables), pairs)


@pytest.mark.parametrize("peer", PEERS)
def test_peers_compute_what_impel_computes(
    folder: Path, expected: pd.DataFrame, peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pandas_features, "PAIRS_AT_ONCE", len(expected) // 4)
    PEERS[peer](folder, folder / f"{peer}.parquet")
    found = sample(folder / f"{peer}.parquet", len(expected))
    assert difference(expected, found)["largest"] <= AGREE


def test_every_compared_feature_is_tried(expected: pd.DataFrame) -> None:
    assert set(COMPARED) <= set(FEATURES)
    compared = expected[list(COMPARED)]
    assert list(compared.columns[~(compared.min() < compared.max())]) == []


def test_one_wrong_value_one_null_and_one_missing_pair_are_seen(expected: pd.DataFrame) -> None:
    wrong, null = expected.copy(), expected.copy()
    wrong.loc[7, "posts_90d"] += 1e-6 * wrong.loc[7, "posts_90d"] + 1e-6
    null.loc[7, "fee_log"] = float("nan") if pd.notna(null.loc[7, "fee_log"]) else 1.0
    assert difference(expected, wrong)["feature"] == "posts_90d"
    assert difference(expected, wrong)["largest"] > AGREE
    assert difference(expected, null) == {"largest": float("inf"), "feature": "fee_log", "pairs": len(expected)}
    assert difference(expected, expected.iloc[1:])["feature"] == "pair"


def test_generated_tables_keep_the_contract_and_depend_on_the_seed_alone(folder: Path, tmp_path: Path) -> None:
    assert {problem.rule for problem in check(folder / "source").problems} <= {"few-outcomes"}
    generate(tmp_path, SIZE, lambda _: None)
    for table in ("posts", "interactions", "outcomes"):
        one, other = (_rows(place, table) for place in (folder, tmp_path))
        assert one == other


def _rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    place = folder / "source" / table
    files = place / "*.parquet" if place.is_dir() else place.with_suffix(".parquet")
    digest = f"SELECT count(*), sum(hash(t)::HUGEINT) FROM read_parquet('{files}') AS t"
    with duckdb.connect() as database:
        found: list[tuple[object, ...]] = database.execute(digest).fetchall()
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "0"], "0 is no size: give a share of full size"),
        (["--scale", "many"], "many is no size: give a share of full size"),
        (["--engines", "dask"], "invalid choice: 'dask'"),
        (["--repeat", "0"], "0 is no number of runs: give 1 or more"),
        (["--requests", "-1"], "-1 is no number of runs: give 0 or more"),
    ],
)
def test_wrong_use_is_said(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
