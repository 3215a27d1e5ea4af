"""Where tables come from: one DuckDB connection with every table of the contract, whatever form the source has."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

import duckdb
import pandas as pd
import pyarrow as pa

from features import casts
from features.errors import DataError, SettingError, nearest, without_password
from features.problems import Problem, count_rows, fetch, quoted, shown
from features.readers import one_line, read
from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from features.readers import Reading
    from features.tables import Table


@dataclass(frozen=True)
class Tables:
    """The tables of one source as views of one DuckDB connection.

    The connection has one view per table of the contract, under its own name, with exactly the contract's columns, in
    its order and in normalised types: VARCHAR for ids, texts and codes, TIMESTAMP (UTC, microseconds, no zone), BIGINT
    for counts, DOUBLE for numbers and shares, BOOLEAN for flags, VARCHAR[] for lists. A table that the source lacks is
    an empty view; a nullable column that it lacks is null.

    Attributes
    ----------
    connection
        A duckdb.DuckDBPyConnection. Nothing is read before a query asks for it.
    present, missing
        The tables that the source has, and those that it lacks.
    fingerprint
        Changes when the source's content changes: from the names, sizes and times of files, or the content of frames.
    """

    connection: Any
    present: tuple[str, ...]
    missing: tuple[str, ...]
    fingerprint: str

    def frame(self, name: str) -> pd.DataFrame:
        """Return a whole table.

        Texts are `str`, times `datetime64[us]`, flags `boolean`; counts are `int64`, those that may be null `float64`.
        """
        if name not in CONTRACT:
            raise SettingError(f"There is no table {shown(name)} in the data contract.{nearest(name, CONTRACT)}")
        try:
            table = self.connection.sql(f"SELECT * FROM {quoted(name)}").to_arrow_table()
        except duckdb.Error as error:
            raise DataError(f"{name}: it cannot be read ({one_line(error)}).") from error
        frame = table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
        counts = [column.name for column in CONTRACT[name].columns if column.kind == "count" and column.nullable]
        return frame.astype(dict.fromkeys(counts, "float64"))

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_tables(source: str | Path | Mapping[str, pd.DataFrame | pa.Table], *, partial: bool = False) -> Tables:
    """Open the tables of a source.

    Parameters
    ----------
    source
        A folder of `<table>.parquet`, `<table>/` with Parquet parts, or `<table>.csv`; a `.duckdb` file, opened read
        only; the URL of a PostgreSQL (`postgresql://user@host/database`, with the extra `postgres`), MySQL or MariaDB
        (`mysql://user@host/database`, with the extra `mysql`), SQLite (`sqlite:///file`) or DuckDB (`duckdb:///file`)
        database; or a mapping of table names to DataFrames or Arrow tables.
    partial
        Whether the source has further rows for an event store: then any table may be missing, but not all.

    Raises
    ------
    DataError
        There is no such source, a required table or column is missing, or something in a table of the contract cannot
        be read. Only reading is tested here; `features.checks.check` tests the whole contract.
    """
    reading = read(source)
    errors = [*reading.problems, *(problem for problem in lacking(reading) if problem.severity == "error")]
    if partial:
        errors = [problem for problem in errors if problem.rule != "missing-table"]
        if not errors and not reading.columns:
            reading.connection.close()
            raise DataError(
                f"{shown(without_password(str(source)))} has no table of the data contract: {', '.join(CONTRACT)}."
            )
    for name in () if errors else reading.columns:
        errors += unread(reading, CONTRACT[name])
    if errors:
        reading.connection.close()
        first, more = errors[0], len(errors) - 1
        place = f"{first.table}.{first.column}" if first.column else first.table
        raise DataError(f"{place}: {first.message}" + (f" (And {more} more: see `impel check`.)" if more else ""))
    for name, table in CONTRACT.items():
        body = casts.select(table, reading.columns.get(name))
        fetch(reading.connection, f"CREATE VIEW {quoted(name)} AS {body}")
    return Tables(
        connection=reading.connection,
        present=tuple(table for table in CONTRACT if table in reading.columns),
        missing=tuple(table for table in CONTRACT if table not in reading.columns),
        fingerprint=reading.fingerprint,
    )


def lacking(reading: Reading) -> list[Problem]:
    """Return the tables and columns that a source lacks: warnings for optional tables, errors for the rest."""
    problems = []
    refused = {problem.table for problem in reading.problems}
    for table in CONTRACT.values():
        if table.name not in reading.columns:
            if table.name not in refused:
                problems.append(_lacking_table(table, reading))
            continue
        received = reading.columns[table.name]
        for column in table.columns:
            if column.name not in received and not column.nullable:
                strangers = [name for name in received if name not in {c.name for c in table.columns}]
                message = (
                    f"The column is missing; the table has {', '.join(received)}.{nearest(column.name, strangers)}"
                )
                problems.append(Problem(table.name, column.name, "missing-column", "error", 0, (), message))
    return problems


def _lacking_table(table: Table, reading: Reading) -> Problem:
    others = {other.partition(".")[0].casefold(): other for other in reading.others}
    found = [others[stem] for stem in get_close_matches(table.name, others, n=1)]
    hint = f" There is {found[0]!r}, but only {reading.reads.format(table.name)} is read." if found else ""
    if table.required:
        message = f"The table is missing; Impel cannot work without it.{hint}"
        return Problem(table.name, "", "missing-table", "error", 0, (), message)
    message = f"The table is missing; features stay null that say {table.serves}.{hint}"
    return Problem(table.name, "", "missing-optional-table", "warning", 0, (), message)


def unread(reading: Reading, table: Table) -> list[Problem]:
    """Return the values of a table that cannot be read; only columns whose type leaves that open are scanned."""
    received = reading.columns[table.name]
    rules = [rule for c in table.columns if c.name in received for rule in casts.rules(c, received[c.name])]
    is_text = all(kind == "VARCHAR" for kind in received.values())  # as in CSV: only a scan shows whether it is whole
    if not rules:
        return []
    try:
        _, broken = count_rows(
            reading.connection,
            table=table.name,
            relation=f"({casts.select(table, received, keep_raw=True)})",
            label=label(table, received),
            rules=rules,
            touch=[casts.raw(name) for name in received] if is_text else (),
        )
    except duckdb.Error as error:
        return [Problem(table.name, "", "unreadable", "error", 0, (), f"It cannot be read ({one_line(error)}).")]
    return [problem for _, problem in broken]


def label(table: Table, received: dict[str, str]) -> str:
    """Return the SQL expression that names one row to people: its ids as they were received."""
    names = [name for name in table.key if table.column(name).kind == "id"] or ["actor_id", "account_id"]
    parts = [f"coalesce({casts.raw(name)}::VARCHAR, '(null)')" for name in names if name in received]
    return f"concat_ws('/', {', '.join(parts)})" if parts else "'(no id)'"
