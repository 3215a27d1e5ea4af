"""All imports of a folder put together: one row for each key, accounts under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from features.errors import DataError
from features.importers.staging import ACCOUNT_TABLES, STAGED
from features.problems import fetch, literal, quoted
from features.tables import SQL_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


_ROWS = 10**12  # more than one import has


def merge(connection: Any, imports: Sequence[Path]) -> None:
    """Make a table `merged.<name>` of every table that an import may fill, empty where none does.

    Later imports come later in `imports`. Of rows with one key the latest value that is not null counts, column by
    column; rows of tables without a key are kept once.

    Raises
    ------
    DataError
        Two imports call one name by two accounts.
    """
    fetch(connection, "CREATE SCHEMA merged")
    parts = {
        name: [(place, path) for place, path in enumerate(imports) if any(path.glob(f"{name}.*.parquet"))]
        for name in STAGED
    }
    _names(connection, parts["account_names"])
    for name in STAGED:
        if name != "account_names":
            _merge_table(connection, name, parts[name])
    _list_accounts(connection)


def _merge_table(connection: Any, name: str, parts: list[tuple[int, Path]]) -> None:
    table = STAGED[name]
    if not parts:
        columns = ", ".join(f"{quoted(column.name)} {SQL_TYPES[column.kind]}" for column in table.columns)
        fetch(connection, f"CREATE TABLE merged.{name} ({columns})")
        return
    rows = f"({_rows(name, parts)})"
    key = [quoted(column) for column in table.key]
    if key:
        latest = ", ".join(
            f"arg_max({quoted(c.name)}, turn) AS {quoted(c.name)}" for c in table.columns if c.name not in table.key
        )
        selected = ", ".join([*key, *([latest] if latest else [])])
        body = f"SELECT {selected} FROM {rows} GROUP BY {', '.join(key)}"
    else:
        body = f"SELECT DISTINCT {', '.join(quoted(column.name) for column in table.columns)} FROM {rows}"
    columns = ", ".join(quoted(column.name) for column in table.columns)
    fetch(connection, f"CREATE TABLE merged.{name} AS SELECT {columns} FROM ({body})")


def _rows(name: str, parts: list[tuple[int, Path]]) -> str:
    """Return SQL of all staged rows of a table, accounts under their final names."""
    table = STAGED[name]
    # A file may lack columns: what follows by name is filled up with nulls.
    nothing = ", ".join(f"NULL::{SQL_TYPES[column.kind]} AS {quoted(column.name)}" for column in table.columns)
    sql = f"SELECT {nothing}, 0 AS turn WHERE false"
    for place, folder in parts:
        files = ", ".join(literal(str(path)) for path in sorted(folder.glob(f"{name}.*.parquet")))
        turn = f"{place * _ROWS} + row AS turn"
        sql += f" UNION ALL BY NAME SELECT * EXCLUDE (row), {turn} FROM read_parquet([{files}], union_by_name = true)"
    if not any(column.name == "account_id" for column in table.columns) or name == "account_names":
        return sql
    return (
        f"SELECT r.* REPLACE (coalesce(n.account_id, r.account_id) AS account_id) FROM ({sql}) AS r "
        "LEFT JOIN merged.account_names AS n ON n.name = r.account_id"
    )


def _names(connection: Any, parts: list[tuple[int, Path]]) -> None:
    """Make the table of account names: what a later import says counts, and a name of a name is followed once."""
    _merge_table(connection, "account_names", parts)
    fetch(
        connection,
        "UPDATE merged.account_names AS a SET account_id = b.account_id, "
        "influencer_id = coalesce(b.influencer_id, a.influencer_id) "
        "FROM (SELECT * FROM merged.account_names) AS b WHERE a.account_id = b.name",
    )
    circle = fetch(
        connection,
        "SELECT a.name, a.account_id FROM merged.account_names AS a JOIN merged.account_names AS b "
        "ON a.account_id = b.name WHERE a.account_id <> b.account_id LIMIT 1",
    )
    if circle:
        raise DataError(
            f"The account names lead on and on, as from {circle[0][0]!r} to {circle[0][1]!r}; name accounts directly."
        )


def _list_accounts(connection: Any) -> None:
    """Add the accounts that rows speak of to those listed; an account is its own influencer if none is named."""
    spoken = " UNION ".join(f"SELECT account_id FROM merged.{name}" for name in ACCOUNT_TABLES)
    fetch(
        connection,
        "INSERT INTO merged.accounts BY NAME SELECT DISTINCT account_id, split_part(account_id, ':', 1) AS platform "
        f"FROM ({spoken}) WHERE account_id IS NOT NULL AND contains(account_id, ':') "
        "AND account_id NOT IN (SELECT account_id FROM merged.accounts)",
    )
    fetch(
        connection,
        "UPDATE merged.accounts AS a SET influencer_id = coalesce((SELECT max(n.influencer_id) FROM "
        "merged.account_names AS n WHERE n.account_id = a.account_id), a.influencer_id, a.account_id)",
    )
