"""The time to read columns once: the floor under every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers import COLUMNS
from benchmarks.peers.duckdb_features import connect
from features.tables import CONTRACT

if TYPE_CHECKING:
    from pathlib import Path

UNUSED = {"account_stats": {"posts"}, "followers": {"follower_id"}}
"""Columns that the event store does not keep."""

_TOUCHED = {
    "VARCHAR": 'sum(strlen("{}"))',
    "VARCHAR[]": 'sum(len("{}"))',
    "BOOLEAN": 'count(*) FILTER ("{}")',
    "TIMESTAMP WITH TIME ZONE": 'max(epoch_us("{}"))',
}
"""What makes DuckDB read every value of a column, by its type; numbers are added up."""


def scan(folder: Path, columns: str, memory_limit: str) -> None:
    """Read once the columns that the compared features need ("compared") or that the event store keeps ("stored")."""
    with connect(memory_limit, folder / "spill") as database:
        for table, needed in COLUMNS.items():
            whole = folder / "source" / table
            files = whole / "*.parquet" if whole.is_dir() else whole.with_suffix(".parquet")
            types = dict(row[:2] for row in database.execute(f"DESCRIBE FROM read_parquet('{files}')").fetchall())
            stored = [c.name for c in CONTRACT[table].columns if c.name not in UNUSED.get(table, ())]
            wanted = [name for name in (stored if columns == "stored" else needed) if name in types]
            touched = [_TOUCHED.get(types[name], 'sum("{}")').format(name) for name in wanted]
            database.execute(f"SELECT {', '.join(touched)} FROM read_parquet('{files}')").fetchall()
