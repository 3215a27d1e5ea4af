"""One piece of work of the benchmark in a process of its own: `python -m benchmarks.tasks TASK ARGUMENTS...`.

Prints a JSON object with the `seconds` of the work itself, without the start of Python and its imports.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def generate(folder: str, scale: str) -> dict[str, Any]:
    """Generate the data of a scale, or those of the requests of one pair ("one")."""
    from benchmarks.generate import ONE_OF_MANY, Size, generate

    size = ONE_OF_MANY if scale == "one" else Size.of_scale(float(scale))
    return timed(lambda: generate(Path(folder), size, lambda said: print(said, file=sys.stderr)))


def scan(folder: str, columns: str, memory_limit: str) -> dict[str, Any]:
    """Read columns once."""
    from benchmarks.scan import scan

    return timed(lambda: scan(Path(folder), columns, memory_limit))


def prepare(folder: str, store: str, memory: str) -> dict[str, Any]:
    """Prepare the event store for so many GiB of memory."""
    from features import EventStore, open_tables

    shutil.rmtree(store, ignore_errors=True)

    def work() -> dict[str, Any]:
        with open_tables(Path(folder) / "source") as tables:
            made = EventStore.prepare(tables, Path(store), memory=int(memory) << 30)
        return {"buckets": made.buckets, "bytes": sum(file.stat().st_size for file in Path(store).rglob("*.*"))}

    import_module("features.store")
    return timed(work)


def append(folder: str, store: str) -> dict[str, Any]:
    """Append the day after the end."""
    from features import EventStore, open_tables

    opened = EventStore(Path(store))

    def work() -> dict[str, Any]:
        if not hasattr(opened, "append"):
            return {"appended": False}
        with open_tables(Path(folder) / "day") as tables:
            opened.append(tables)
        return {"appended": True}

    return timed(work)


def impel(folder: str, out: str, store: str) -> dict[str, Any]:
    """Compute all features of Impel over a prepared store; write the compared ones."""
    import pandas as pd

    from benchmarks.compared import COMPARED
    from features import EventStore
    from features.catalogue import FEATURES
    from features.pipeline import build_parts

    def work() -> dict[str, Any]:
        pairs = pd.read_parquet(Path(folder) / "pairs.parquet").set_index("pair")
        _written(build_parts(EventStore(Path(store)), pairs), Path(out))
        return {"features": len(FEATURES), "compared": len(COMPARED)}

    return timed(work)


def _written(parts: Any, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.compared import COMPARED

    writer = None
    for part in parts:
        columns = {"pair": part.index.to_numpy(), **{name: part[name].to_numpy() for name in COMPARED}}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(out, table.schema, compression="none", use_dictionary=False)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def pandas(folder: str, out: str) -> dict[str, Any]:
    """Compute the compared features in pandas."""
    from benchmarks.peers.pandas_features import run

    return timed(lambda: run(Path(folder), Path(out)))


def polars(folder: str, out: str) -> dict[str, Any]:
    """Compute the compared features in Polars."""
    from benchmarks.peers.polars_features import run

    return timed(lambda: run(Path(folder), Path(out)))


def duckdb(folder: str, out: str, memory_limit: str) -> dict[str, Any]:
    """Compute the compared features in DuckDB SQL."""
    from benchmarks.peers.duckdb_features import run

    return timed(lambda: run(Path(folder), Path(out), memory_limit))


def compare(pairs: str, *results: str) -> dict[str, Any]:
    """Compare the first result with each of the others on so many pairs."""
    from benchmarks.compared import difference, sample

    first, *others = (sample(Path(result), int(pairs)) for result in results)
    return {result: difference(first, other) for result, other in zip(results[1:], others, strict=True)}


def online(folder: str, repeat: str) -> dict[str, Any]:
    """Time the requests of one pair and of 500 candidates."""
    from benchmarks.online import online

    return online(Path(folder), int(repeat))


def timed(work: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """Do the work; return what it tells, and the seconds that it took."""
    start = time.perf_counter()
    told = work()
    return {"seconds": time.perf_counter() - start, **(told or {})}


TASKS = {
    task.__name__: task for task in (generate, scan, prepare, append, impel, pandas, polars, duckdb, compare, online)
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
