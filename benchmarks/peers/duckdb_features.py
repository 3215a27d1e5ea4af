"""The compared features in DuckDB SQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.peers import COLUMNS

SQL = (Path(__file__).parent / "duckdb_features.sql").read_text()


def connect(memory_limit: str, spill: Path) -> Any:
    """Return a connection that may use so much memory and spills into a folder."""
    return duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(spill),
            "threads": os.cpu_count(),
            # Nobody asks for the order of the rows.
            "preserve_insertion_order": False,
        }
    )


def view(database: Any, folder: Path) -> None:
    """Make the tables of a generated folder, and its pairs, known under their names."""
    for name in COLUMNS:
        whole = folder / "source" / name
        files = whole / "*.parquet" if whole.is_dir() else whole.with_suffix(".parquet")
        database.execute(f"CREATE VIEW {name} AS FROM read_parquet('{files}')")
    database.execute(f"CREATE VIEW pairs AS FROM read_parquet('{folder / 'pairs.parquet'}')")


def run(folder: Path, out: Path, memory_limit: str) -> None:
    """Compute the features of a generated folder."""
    with connect(memory_limit, folder / "spill") as database:
        view(database, folder)
        database.execute(f"COPY ({SQL}) TO '{out}' (FORMAT parquet, COMPRESSION uncompressed)")
