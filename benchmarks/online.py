"""The request of one pair, and that of 500 candidates: everything is in memory, and every engine is warm.

The others are given tables that hold the rows of that account alone. Accounts, campaigns and outcomes, some hundred
rows, are whole, because what is usual for a goal is counted over all of them.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks import AGREE
from benchmarks.compared import difference
from benchmarks.peers import COLUMNS, pandas_features, polars_features
from benchmarks.peers.duckdb_features import SQL
from features import EventStore, build, open_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OF_ACCOUNT = ("account_stats", "posts", "interactions", "audiences", "followers")


def online(folder: Path, repeat: int) -> dict[str, Any]:
    """Return the median milliseconds of a request by engine, and how far the engines are from Impel.

    Parameters
    ----------
    folder : Path
        Data of `generate.ONE_OF_MANY`.
    repeat : int
        How many requests are made of each engine, in turns. Of Impel ten times as many are made.
    """
    pairs = pd.read_parquet(folder / "pairs.parquet")
    # The last campaign decides when all is known.
    many = pairs[pairs["campaign_id"] == pairs["campaign_id"].iloc[-1]].reset_index(drop=True)
    one = many.iloc[:1]
    with open_tables(folder / "source") as tables:
        store = EventStore.prepare(tables)
    account = one["account_id"].iloc[0]
    engines: dict[str, Callable[[], pd.DataFrame]] = {
        "impel": lambda: build(store, one),
        "pandas": _pandas(folder, one, account),
        "duckdb": _duckdb(folder, one, account),
        "polars": _polars(folder, one, account),
        "500 candidates": lambda: build(store, many),
    }
    expected = engines["impel"]().assign(pair=one["pair"]).set_index("pair")
    apart = {
        name: difference(expected, engine())
        for name, engine in engines.items()
        if name not in ("impel", "500 candidates")
    }
    engines["500 candidates"]()
    # How long something else takes is of no interest.
    spent: dict[str, list[float]] = {
        name: [] for name in engines if apart.get(name, {"largest": 0})["largest"] <= AGREE
    }
    for _ in range(repeat):
        for name, times in spent.items():
            for _ in range(10 if name == "impel" else 1):
                start = time.perf_counter()
                engines[name]()
                times.append(1_000 * (time.perf_counter() - start))
    return {"milliseconds": {name: median(times) for name, times in spent.items()}, "difference": apart}


def _rows(folder: Path, name: str, account: str) -> Any:
    whole = folder / "source" / name
    if name not in OF_ACCOUNT:
        return pq.read_table(whole.with_suffix(".parquet"), columns=COLUMNS[name])
    return ds.dataset(whole).to_table(columns=COLUMNS[name], filter=pc.field("account_id") == account)


def _pandas(folder: Path, one: pd.DataFrame, account: str) -> Callable[[], pd.DataFrame]:
    tables = {name: pandas_features.frame(_rows(folder, name, account)) for name in COLUMNS}
    tables["outcomes"] = pandas_features.with_surprise(tables["outcomes"], tables["campaigns"])
    return lambda: pandas_features.features_of(one, tables)


def _duckdb(folder: Path, one: pd.DataFrame, account: str) -> Callable[[], pd.DataFrame]:
    # One thread is the fastest for so few rows.
    database = duckdb.connect(config={"threads": 1})
    for name in COLUMNS:
        database.register("rows", _rows(folder, name, account))
        database.execute(f"CREATE TABLE {name} AS FROM rows")
    database.register("rows", one)
    database.execute("CREATE TABLE pairs AS FROM rows")
    database.execute(f"PREPARE request AS {SQL}")
    return lambda: database.execute("EXECUTE request").df().set_index("pair")


def _polars(folder: Path, one: pd.DataFrame, account: str) -> Callable[[], pd.DataFrame]:
    tables = {name: pl.DataFrame(_rows(folder, name, account)).lazy() for name in COLUMNS}
    pairs = pl.from_pandas(one).lazy()

    def request() -> pd.DataFrame:
        row = polars_features.features_of(pairs, tables, engine="in-memory").collect()
        return pd.DataFrame(row.to_dict(as_series=False)).set_index("pair").astype("float64")

    return request
