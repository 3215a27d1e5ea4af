"""Databases by URL give the same tables as files do, in streams, and never tell their passwords."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pymysql
import pytest

from features import databases
from features.checks import check
from features.errors import DataError, ImpelError, SettingError
from features.sources import open_tables
from features.tables import CONTRACT
from tests import mariadb, postgres
from tests.features.test_sources import frames, in_order
from tests.small_source import small_source, small_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQL_TYPES = {
    "id": "text",
    "text": "varchar(900)",
    "code": "varchar(40)",
    "time": "timestamptz",
    "count": "bigint",
    "number": "numeric",
    "share": "double precision",
    "flag": "boolean",
    "list": "text[]",
}


@pytest.fixture(scope="session")
def database(server: postgres.Server) -> str:
    """The URL of a real PostgreSQL database with the small tables."""
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    with dbapi.connect(server.url) as connection, connection.cursor() as cursor:
        for name, frame in small_tables().items():
            columns = ", ".join(f'"{c.name}" {SQL_TYPES[c.kind]}' for c in CONTRACT[name].columns if c.name in frame)
            cursor.execute(f"CREATE TABLE {name} ({columns})")
            cursor.adbc_ingest(f"new_{name}", pa.Table.from_pandas(frame, preserve_index=False), mode="create")
            listed = ", ".join(f'"{column}"' for column in frame.columns)
            cursor.execute(f"INSERT INTO {name} ({listed}) SELECT {listed} FROM new_{name}")
            cursor.execute(f"DROP TABLE new_{name}")
        cursor.execute("CREATE TABLE notes (text text)")
        connection.commit()
    return server.url


MYSQL_TYPES = {
    "id": "varchar(190)",
    "text": "text",
    "code": "varchar(40)",
    "time": "datetime(6)",
    "count": "int unsigned",
    "number": "decimal(30, 10)",
    "share": "double",
    "flag": "tinyint(1)",
    "list": "json",
}


@pytest.fixture(scope="session")
def maria() -> Iterator[str]:
    """The URL of a real MariaDB database with the small tables."""
    program = mariadb.program()
    if program is None:
        pytest.skip("MariaDB is not installed and cannot be (as root: apt-get install -y mariadb-server)")
    with mariadb.server(program) as url:
        with pymysql.connect(**databases._mysql_options(url)) as connection, connection.cursor() as cursor:
            for name, frame in small_tables().items():
                columns = [c for c in CONTRACT[name].columns if c.name in frame]
                defined = ", ".join(f"`{c.name}` {MYSQL_TYPES[c.kind]}" for c in columns)
                cursor.execute(f"CREATE TABLE {name} ({defined})")
                names = [c.name for c in columns]
                marks = ", ".join(["%s"] * len(names))
                rows = [[_for_mysql(value) for value in row] for row in frame[names].itertuples(index=False)]
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
            cursor.execute("CREATE TABLE notes (text text)")
            connection.commit()
        yield url


def _for_mysql(value: Any) -> Any:
    """Return a value as PyMySQL takes it: a list as JSON, a time without its zone."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return json.dumps(list(value))
    if pd.isna(value):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value.tz_convert("UTC").tz_localize(None) if isinstance(value, pd.Timestamp) and value.tzinfo else value


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    path = tmp_path / "small.db"
    kinds = {"count": "INTEGER", "number": "REAL", "share": "REAL", "flag": "BOOLEAN"}
    with sqlite3.connect(path) as connection:
        for name, frame in small_tables().items():
            columns = ", ".join(
                f'"{c.name}" {kinds.get(c.kind, "TEXT")}' for c in CONTRACT[name].columns if c.name in frame
            )
            connection.execute(f"CREATE TABLE {name} ({columns})")
            names = [c.name for c in CONTRACT[name].columns if c.name in frame]
            marks = ", ".join("?" * len(names))
            rows = frame[names].astype(object).map(_plain)
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows.itertuples(index=False, name=None))
    connection.close()
    return f"sqlite:///{path}"


def _plain(value: Any) -> Any:
    """Return a value as SQLite takes it."""
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        listed = value.tolist() if hasattr(value, "tolist") else value
        return ";".join(listed) if isinstance(listed, list) else listed
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, dt.datetime) else value


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    source = small_source(tmp_path_factory.mktemp("small") / "data", form="parquet")
    return {name: in_order(frame) for name, frame in frames(source).items()}


def test_postgresql_gives_the_same_frames(database: str, expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in frames(database).items():
        pd.testing.assert_frame_equal(in_order(frame), expected[name])


def test_sqlite_gives_the_same_frames(sqlite_url: str, expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in frames(sqlite_url).items():
        pd.testing.assert_frame_equal(in_order(frame), expected[name])


def test_mariadb_gives_the_same_frames(
    maria: str, expected: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_BATCH", 7)  # so that every table comes in many batches
    for name, frame in frames(maria).items():
        pd.testing.assert_frame_equal(in_order(frame), expected[name])


def test_mariadb_types_lose_nothing(maria: str) -> None:
    with pymysql.connect(**databases._mysql_options(maria)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS impel")
        cursor.execute("SET time_zone = '+02:00'")
        cursor.execute(
            "CREATE TEMPORARY TABLE odd (a timestamp(6) NULL, b datetime(3), c tinyint(1), d json, e text, "
            "f decimal(20, 4), g bigint unsigned, h bit(1), i binary(2), j enum('x', 'y'), k date, l float)"
        )
        values = (
            "2026-05-01 10:00:00.000001",
            "2026-05-01 10:00:00.5",
            1,
            '["tea", "🍵"]',
            "🍵; é",
            "12345678901.2345",
        )
        cursor.execute(
            "INSERT INTO odd VALUES (%s, %s, %s, %s, %s, %s, 18446744073709551615, 1, x'00ff', 'y', '2026-05-01', 0.5)",
            values,
        )
        cursor.execute("INSERT INTO odd VALUES (" + ", ".join(["NULL"] * 12) + ")")
        cursor.execute("SHOW COLUMNS FROM odd")
        kinds = {name: kind for name, kind, *_ in cursor.fetchall()}
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'ANSI_QUOTES'")
        connection.decoders = {}
        first, second = databases._mysql_stream(connection, "odd", kinds).read_all().to_pylist()
    assert first == {
        "a": "2026-05-01 08:00:00.000001",
        "b": "2026-05-01 10:00:00.500",
        "c": 1,
        "d": '["tea", "🍵"]',
        "e": "🍵; é",
        "f": 12345678901.2345,
        "g": 18446744073709551615,
        "h": 1,
        "i": "00FF",
        "j": "y",
        "k": "2026-05-01",
        "l": 0.5,
    }
    assert set(second.values()) == {None}


def test_a_mariadb_that_cannot_be_read_tells_no_password(maria: str) -> None:
    right = quote(mariadb.PASSWORD, safe="")
    socket = maria.partition("?")[2]
    wrong = {
        maria.replace(right, "wr0ng"): r"cannot be used \(Access denied for user 'impel'@'localhost'",
        f"mysql://impel:{right}@localhost/nowhere?{socket}": "cannot be used .*nowhere",
        f"mariadb://impel:{right}@127.0.0.1:1/impel": r"cannot be used \(Can't connect to MySQL server on '127.0.0.1'",
        f"mysql://impel:{right}@localhost": "names no database; write mysql://user:password@host/database",
        f"mysql://impel:{right}@localhost/impel?ssl=1": "has 'ssl', which is not known; write mysql://",
    }
    for url, message in wrong.items():
        with pytest.raises((DataError, SettingError), match=message) as caught:
            open_tables(url)
        assert not any(secret in str(caught.value) for secret in ("wr0ng", right, mariadb.PASSWORD))
        assert "\n" not in str(caught.value)


def test_a_value_that_breaks_off_a_stream_is_one_line(maria: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_BATCH", 7)
    monkeypatch.setattr(databases, "_mysql_type", lambda _: pa.int64())
    with pytest.raises(DataError, match=r"The database mysql://impel:\*\*\*@.* cannot be used") as caught:
        open_tables(maria)
    assert "\n" not in str(caught.value)


def test_duckdb_by_url_is_the_file(tmp_path: Path, expected: dict[str, pd.DataFrame]) -> None:
    path = small_source(tmp_path / "data", form="duckdb")
    for name, frame in frames(f"duckdb:///{path}").items():
        pd.testing.assert_frame_equal(in_order(frame), expected[name])


def test_a_database_is_checked_like_files(database: str) -> None:
    report = check(database)
    assert report.ok, str(report)
    assert report.tables["posts"] == 65


def test_the_fingerprint_follows_the_content_not_the_order(database: str) -> None:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")

    def mark() -> str:
        with open_tables(database) as tables:
            return tables.fingerprint

    first = mark()
    with dbapi.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE again AS SELECT * FROM posts ORDER BY likes DESC")
        cursor.execute("TRUNCATE posts")
        cursor.execute("INSERT INTO posts SELECT * FROM again")
        cursor.execute("DROP TABLE again")
        connection.commit()
        assert mark() == first
        cursor.execute("UPDATE posts SET likes = likes + 1 WHERE post_id = (SELECT min(post_id) FROM posts)")
        connection.commit()
        assert mark() != first
        cursor.execute("UPDATE posts SET likes = likes - 1 WHERE post_id = (SELECT min(post_id) FROM posts)")
        connection.commit()


def test_a_wrong_password_is_not_told(database: str) -> None:
    secret = "wr0ng"
    before, _, after = database.partition("impel:")
    url = f"{before}impel:{secret}@{after.partition('@')[2]}"
    with pytest.raises(DataError, match=r"The database postgresql://impel:\*\*\*@/.* cannot be used") as caught:
        open_tables(url)
    assert secret not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_password_is_told_of_a_server_that_is_not_there(tmp_path: Path) -> None:
    for url in (
        f"postgresql://me:s3cret@/db?host={tmp_path}",
        f"postgresql:///db?host={tmp_path}&password=s3cret&user=me",
    ):
        with pytest.raises(ImpelError) as caught:
            open_tables(url)
        assert "s3cret" not in str(caught.value)


def test_a_missing_sqlite_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no SQLite file"):
        open_tables(f"sqlite:///{tmp_path}/no.db")
    assert not list(tmp_path.iterdir())


def test_what_is_no_number_in_sqlite_names_the_column(tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE accounts (account_id TEXT, influencer_id TEXT, platform INTEGER)")
        connection.execute("INSERT INTO accounts VALUES ('a', 'i', 'x')")
    connection.close()
    with pytest.raises(DataError, match=r"accounts.platform is declared as a number, but holds something else"):
        open_tables(f"sqlite:///{path}")
