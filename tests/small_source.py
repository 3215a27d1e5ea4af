"""A tiny data set of every table of the contract, without one problem, in each form that a source may have."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

FORMS = ("parquet", "parts", "csv", "duckdb", "frames")

ACCOUNTS, CAMPAIGNS = 10, 21  # every account is hired for every campaign: 210 outcomes, just enough
START = pd.Timestamp("2024-03-01 07:30:15.123456")


def small_tables() -> dict[str, pd.DataFrame]:
    """Return every table of the contract, all columns, with nulls where they are allowed."""
    return {name: table.copy() for name, table in _tables().items()}


@cache
def _tables() -> dict[str, pd.DataFrame]:
    accounts = np.array([f"a{i:02d}" for i in range(ACCOUNTS)])
    campaigns = np.array([f"c{i:02d}" for i in range(CAMPAIGNS)])
    return {
        "accounts": _frame(
            account_id=accounts,
            influencer_id=[f"i{i // 2}" for i in range(ACCOUNTS)],
            platform=["instagram", "tiktok"] * 5,
            country=["GB", "FR", None, "TH", "US"] * 2,
            language=["en", "fr", None, "th", "en"] * 2,
            created_at=_times(ACCOUNTS, days=-900),
        ),
        "account_stats": _frame(
            account_id=np.repeat(accounts, 3),
            observed_at=_times(30, days=-60),
            followers=np.arange(30) * 1000 + 10,
            following=_some(30, 100.0),
            posts=_some(30, 7.0),
        ),
        "posts": _posts(accounts),
        "interactions": _frame(
            actor_id=[f"u{i % 13}" for i in range(40)],
            account_id=np.resize(accounts, 40),
            post_id=[None if i % 4 == 0 else f"p{i:02d}" for i in range(40)],
            kind=["comment", "reply", "mention", "reshare", "follow"] * 8,
            at=_times(40, days=-40),
            actor_followers=_some(40, 12.0),
            text=[None if i % 3 else f'so good, "really"\nnice {i} é' for i in range(40)],
        ),
        "audiences": _frame(
            account_id=np.repeat(accounts, 4),
            observed_at=np.repeat(_times(ACCOUNTS, days=-50), 4),
            dimension=["country", "country", "gender", "age"] * ACCOUNTS,
            bucket=["GB", "FR", "female", "18-24"] * ACCOUNTS,
            share=[0.6, 0.3, 0.55, 1.0] * ACCOUNTS,
        ),
        "followers": _frame(
            account_id=np.repeat(accounts, 3),
            follower_id=[f"f{i}" for i in range(30)],
            observed_at=_times(30, days=-45),
            followers=_some(30, 20.0),
            following=_some(30, 300.0),
            posts=_some(30, 0.0),
            has_picture=pd.array([True, False, None] * 10, dtype="boolean"),
            is_private=pd.array([None, True, False] * 10, dtype="boolean"),
            fake=pd.array([False, None, True] * 10, dtype="boolean"),
        ),
        "campaigns": _frame(
            campaign_id=campaigns,
            brand_id=[f"b{i % 4}" for i in range(CAMPAIGNS)],
            vertical=["food", "fashion", "travel"] * 7,
            goal=(["awareness", "engagement", "traffic", "signup", "sale"] * 5)[:CAMPAIGNS],
            topics=[["food", "home"], [], None] * 7,
            brief=["new jelly", None, "summer; 20 % off, now"] * 7,
            starts_at=_times(CAMPAIGNS, days=0),
            ends_at=[None if i % 2 else time for i, time in enumerate(_times(CAMPAIGNS, days=10))],
            attribution_days=[30] * CAMPAIGNS,
            value_per_action=_some(CAMPAIGNS, 2.5),
            budget=_some(CAMPAIGNS, 1000.0),
        ),
        "campaign_audience": _frame(
            campaign_id=np.repeat(campaigns, 2),
            dimension=["country", "gender"] * CAMPAIGNS,
            bucket=["GB", "female"] * CAMPAIGNS,
            share=[0.8, 0.7] * CAMPAIGNS,
        ),
        "outcomes": _outcomes(accounts, campaigns),
    }


def _posts(accounts: np.ndarray) -> pd.DataFrame:
    posts = _frame(
        post_id=[f"p{i:02d}" for i in range(60)],
        account_id=np.resize(accounts, 60),
        published_at=_times(60, days=-90),
        observed_at=_times(60, days=-80),
        sponsor_id=[None if i % 5 else f"b{i % 4}" for i in range(60)],
        topics=[["food"], ["home", "déco"], [], None] * 15,
        caption=[None if i % 7 == 0 else f"look, {i}" for i in range(60)],
        views=_some(60, 1000.0),
        likes=_some(60, 50.0),
        comments=_some(60, 5.0),
        shares=_some(60, 0.0),
        saves=_some(60, 2.0),
        clicks=[None] * 60,
    ).astype({"clicks": "float64"})
    later = posts.head(5).assign(observed_at=_times(5, days=-70))  # a second reading of the same posts
    return pd.concat([posts, later], ignore_index=True)


def _outcomes(accounts: np.ndarray, campaigns: np.ndarray) -> pd.DataFrame:
    size = ACCOUNTS * CAMPAIGNS
    posted = pd.Series(_times(size, days=3)).where(np.arange(size) % 9 > 0)
    return _frame(
        campaign_id=np.repeat(campaigns, ACCOUNTS),
        account_id=np.tile(accounts, CAMPAIGNS),
        decided_at=_times(size, days=0),
        posted_at=posted,
        fee=_some(size, 99.5),
        impressions=_some(size, 400.0),
        clicks=_some(size, 9.0),
        actions=np.arange(size) % 6 * posted.notna(),
        closed_at=_times(size, days=33),
        propensity=_some(size, 0.001, step=0.001),
        incremental_actions=_some(size, -0.5),
    )


def write_source(tables: dict[str, Any], folder: Path, *, form: str = "parquet") -> Any:
    """Write tables in one form, over those of the same name; return what `open_tables` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    if form == "frames":
        return tables
    if form == "duckdb":
        path = folder / "data.duckdb"
        with duckdb.connect(str(path)) as connection:
            for name, table in tables.items():
                connection.register("frame", table)
                connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM frame').fetchall()
                connection.unregister("frame")
        return path
    for name, table in tables.items():
        if form == "parquet":
            table.to_parquet(folder / f"{name}.parquet")
        elif form == "parts":
            (folder / name).mkdir()
            half = len(table) // 2
            table.iloc[half:].to_parquet(folder / name / "part-0.parquet")
            table.iloc[:half].to_parquet(folder / name / "part-1.parquet")
        else:
            lists = {column: table[column].map(_as_json) for column in table.columns if column == "topics"}
            table.assign(**lists).to_csv(folder / f"{name}.csv", index=False)
    return folder


def small_source(folder: Path, *, form: str = "parquet") -> Any:
    """Write the small data set in one form; return what `open_tables` takes."""
    if form == "frames":
        return small_tables()
    for name, content in _files(form).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "data.duckdb" if form == "duckdb" else folder


@cache
def _files(form: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write_source(small_tables(), Path(folder), form=form)
        paths = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def _times(size: int, *, days: int) -> pd.DatetimeIndex:
    return START + pd.to_timedelta(days, unit="D") + pd.to_timedelta(np.arange(size) * 7919, unit="s")


def _some(size: int, first: float, *, step: float = 1.0) -> np.ndarray:
    """Return rising numbers of which every fourth is null."""
    values = first + step * np.arange(size)
    return np.where(np.arange(size) % 4 == 3, np.nan, values)


def _as_json(topics: Any) -> Any:
    return json.dumps(list(topics)) if isinstance(topics, list | np.ndarray) else topics
