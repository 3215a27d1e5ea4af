"""Tables out of databases by URL: read once in streams of Arrow batches, compressed, and let go of the database."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb
import pyarrow as pa

from features.errors import DataError, SettingError, without_password
from features.problems import fetch, quoted
from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.readers import Reading

SCHEMES = ("postgresql", "postgres", "mysql", "mariadb", "sqlite", "duckdb")
_BATCH = 50_000  # rows in memory at a time where a database does not stream Arrow by itself
_PATIENCE = 10  # seconds to wait for a server that does not answer
# The same for PostgreSQL: until there is a connection, and until one that was lost is given up.
_LIMITS = {"connect_timeout": _PATIENCE, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}


def copy_tables(url: str, reading: Reading) -> None:
    """Copy the tables of the contract out of a PostgreSQL, MySQL, MariaDB or SQLite database and make their views.

    All are read in one transaction, so that they belong together. They lie in memory, compressed, and DuckDB moves them
    to disk where that does not suffice. The fingerprint is one of their content, whatever the order of rows.

    Raises
    ------
    DataError, SettingError
        The database cannot be reached or read; no message holds its password.
    """
    opened = {"sqlite": _sqlite, "mysql": _mysql, "mariadb": _mysql}.get(urlsplit(url).scheme, _postgresql)
    digest = hashlib.blake2b(digest_size=16)
    fetch(reading.connection, "ATTACH ':memory:' AS copied (COMPRESS)")
    try:
        with opened(url) as (names, stream):
            for table in (name for name in CONTRACT if name in names):
                copy = f"copied.{quoted(table)}"
                with stream(table) as batches:
                    reading.connection.register("stream", batches)
                    fetch(reading.connection, f"CREATE TABLE {copy} AS SELECT * FROM stream")
                    reading.connection.unregister("stream")
                rows = fetch(reading.connection, f"SELECT count(*), sum(hash(t)::HUGEINT) FROM {copy} AS t")
                digest.update(f"{table}\0{rows}\n".encode())
                reading.view(table, f"SELECT * FROM {copy}", what="The table")
    except duckdb.Error as error:  # what went wrong while a stream was read
        raise DataError(told(url, error)) from None
    reading.others = tuple(sorted(names - set(CONTRACT)))
    reading.fingerprint = digest.hexdigest()


@contextmanager
def _postgresql(url: str) -> Iterator[tuple[set[str], Callable[[str], pa.RecordBatchReader]]]:
    """Give the names of the tables of a PostgreSQL database, and what streams one of them."""
    dbapi = postgresql_driver()
    try:
        with dbapi.connect(patient(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            columns = _columns(cursor, "data_type", where="table_schema = ANY (current_schemas(false))")

            def stream(table: str) -> pa.RecordBatchReader:
                listed = ", ".join(f"{quoted(name)}{_cast(kind)}" for name, kind in columns[table].items())
                cursor.execute(f"SELECT {listed} FROM {quoted(table)}")
                return cursor.fetch_record_batch()

            yield set(columns), stream
    except dbapi.Error as error:
        raise DataError(told(url, error)) from None


def postgresql_driver() -> Any:
    """Return the DB-API module of PostgreSQL's driver; SettingError where it is not installed."""
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415
    except ImportError:
        raise SettingError("PostgreSQL needs the extra impel[postgres]: pip install 'impel[postgres]'.") from None
    return dbapi


def patient(url: str) -> str:
    """Return the URL of a PostgreSQL database with limits to how long a silent server is waited for."""
    given = parse_qs(urlsplit(url).query, keep_blank_values=True)
    limits = "&".join(f"{name}={value}" for name, value in _LIMITS.items() if name not in given)
    return f"{url}{'&' if '?' in url else '?'}{limits}" if limits else url


_PLAIN = ("smallint", "integer", "bigint", "real", "double precision", "boolean", "text", "character varying", "date")


def _cast(kind: str) -> str:
    """Return the cast of a PostgreSQL type to one that Arrow has."""
    if kind in _PLAIN or kind.startswith("timestamp"):
        return ""
    return {"numeric": "::float8", "ARRAY": "::text[]"}.get(kind, "::text")


@contextmanager
def _mysql(url: str) -> Iterator[tuple[set[str], Callable[[str], pa.RecordBatchReader]]]:
    """Give the names of the tables of a MySQL or MariaDB database, and what streams one of them."""
    try:
        import pymysql  # noqa: PLC0415
        from pymysql.converters import encoders  # noqa: PLC0415
    except ImportError:
        raise SettingError(
            "MySQL and MariaDB are read with the extra impel[mysql]: pip install 'impel[mysql]'."
        ) from None
    try:
        # Nothing is converted on the way in: values come as texts, which Arrow reads faster.
        with (
            closing(pymysql.connect(**_mysql_options(url), conv=encoders)) as connection,
            connection.cursor() as cursor,
        ):
            # DATETIME has no zone and is UTC by the contract; TIMESTAMP is told in the zone of the session.
            cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = 'ANSI_QUOTES', net_write_timeout = 600")
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            columns = _columns(cursor, "column_type", where="table_schema = DATABASE()")
            yield set(columns), lambda table: _mysql_stream(connection, table, columns[table])
    except (pymysql.Error, OSError) as error:
        raise DataError(told(url, error.args[-1] if error.args else error)) from None


def _columns(cursor: Any, kind: str, *, where: str) -> dict[str, dict[str, str]]:
    """Return the columns of each table in their order, with what the database calls their type in the column `kind`."""
    cursor.execute(
        f"SELECT table_name, column_name, {kind} FROM information_schema.columns "
        f"WHERE {where} ORDER BY ordinal_position"
    )
    columns: dict[str, dict[str, str]] = {}
    for table, column, declared in cursor.fetchall():
        columns.setdefault(table, {})[column] = declared
    return columns


def _mysql_options(url: str) -> dict[str, Any]:
    """Return what PyMySQL is to connect to, as a URL says it; SettingError where it says too little or too much."""
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    form = "mysql://user:password@host/database, with ?ssl_ca=FILE or ?unix_socket=FILE where needed"
    unknown = sorted(set(query) - {"ssl_ca", "unix_socket"})
    if unknown or not parts.path.strip("/"):
        wrong = f"has {unknown[0]!r}, which is not known" if unknown else "names no database"
        raise SettingError(f"The URL {without_password(url)} {wrong}; write {form}.")
    options: dict[str, Any] = {name: values[-1] for name, values in query.items()}
    if "ssl_ca" in options:
        options |= {"ssl_verify_cert": True, "ssl_verify_identity": True}
    return options | {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or "").encode(),
        "database": unquote(parts.path.strip("/")),
        "charset": "utf8mb4",
        "connect_timeout": _PATIENCE,
    }


def _mysql_stream(connection: Any, table: str, kinds: dict[str, str]) -> pa.RecordBatchReader:
    """Stream a table: every value comes as a text, and Arrow makes numbers of those of columns of numbers."""
    from pymysql.cursors import SSCursor  # noqa: PLC0415

    schema = pa.schema([pa.field(name, _mysql_type(kind)) for name, kind in kinds.items()])
    listed = ", ".join(f"{_mysql_value(quoted(name), kind)}" for name, kind in kinds.items())
    cursor = connection.cursor(SSCursor)

    def batches() -> Iterator[pa.RecordBatch]:
        cursor.execute(f"SELECT {listed} FROM {quoted(table)}")
        while rows := cursor.fetchmany(_BATCH):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, pa.string()).cast(f.type) for f, values in zip(schema, columns, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _mysql_type(declared: str) -> pa.DataType:
    """Return the Arrow type of a declared type, such as `bigint(20) unsigned`; whatever is no number is a text."""
    word = re.split(r"[( ]", declared, maxsplit=1)[0]
    if word in ("tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year"):
        return pa.uint64() if "unsigned" in declared else pa.int64()
    return pa.float64() if word in ("decimal", "float", "double") else pa.string()


def _mysql_value(x: str, declared: str) -> str:
    """Return SQL of a column in a form that is a text: bytes as hexadecimal digits."""
    if declared.startswith("bit"):
        return f"CAST({x} AS UNSIGNED)"
    return f"HEX({x})" if re.match(r"(var)?binary|(tiny|medium|long)?blob|geometry|point|polygon", declared) else x


@contextmanager
def _sqlite(url: str) -> Iterator[tuple[set[str], Callable[[str], pa.RecordBatchReader]]]:
    """Give the names of the tables of an SQLite file, and what streams one of them."""
    path = Path(unquote(urlsplit(url).path[1:])).expanduser().absolute()
    if not path.is_file():
        raise DataError(f"There is no SQLite file {path}; write sqlite:///relative.db or sqlite:////absolute.db.")
    try:
        # DuckDB reads a stream in a thread of its own, one at a time.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)) as connection:
            connection.execute("BEGIN")
            names = {
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
            }
            yield names, lambda table: _sqlite_stream(connection, table)
    except sqlite3.Error as error:
        raise DataError(told(url, error)) from None


def _sqlite_stream(connection: sqlite3.Connection, table: str) -> pa.RecordBatchReader:
    """Stream a table: numbers where the column is declared as such, everything else as texts."""
    declared = {name: kind.upper() for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({quoted(table)})")}
    fields = [pa.field(name, _sqlite_type(kind)) for name, kind in declared.items()]
    listed = ", ".join(
        f"CAST({quoted(field.name)} AS TEXT)" if field.type == pa.string() else quoted(field.name) for field in fields
    )
    schema = pa.schema(fields)

    def batches() -> Iterator[pa.RecordBatch]:
        cursor = connection.execute(f"SELECT {listed} FROM {quoted(table)}")
        while rows := cursor.fetchmany(_BATCH):
            columns = zip(*rows, strict=True)
            arrays = [_array(table, field, values) for field, values in zip(fields, columns, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _sqlite_type(declared: str) -> pa.DataType:
    """Return the Arrow type of a declared type, by SQLite's own rules of affinity."""
    if "INT" in declared:
        return pa.int64()
    return pa.float64() if any(word in declared for word in ("REAL", "FLOA", "DOUB")) else pa.string()


def _array(table: str, field: pa.Field, values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, TypeError) as error:
        raise DataError(f"{table}.{field.name} is declared as a number, but holds something else ({error}).") from None


def told(url: str, error: object) -> str:
    """Return what to say of a database that cannot be used, without its password, however the database quotes it."""
    reason = " ".join(str(error).split()).partition(" Detail: Python")[0][:300]
    parts = urlsplit(url)
    for secret in (parts.password or "", *parse_qs(parts.query).get("password", [])):
        if secret:
            reason = reason.replace(secret, "***").replace(unquote(secret), "***")
    return f"The database {without_password(url)} cannot be used ({reason.rstrip('.')})."
