"""The command of the benchmark: `python -m benchmarks.features --help`.

Imports nothing but the standard library: what this process weighs is counted into the memory of those it starts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import AGREE
from benchmarks.measure import TaskError, measured
from benchmarks.report import tables
from benchmarks.rounds import PEERS, at_scale, say

if TYPE_CHECKING:
    from collections.abc import Callable

EPILOG = """\
Each engine computes the same features from the same Parquet files in a fresh process and writes them to a Parquet
file; Impel reads its prepared store instead, computes all of its features, and writes the same ones. Before each run
the files that it reads are read once, so that every engine finds them in memory. Runs alternate: Impel, a peer, Impel,
the next. Results are compared on 20,000 pairs; an engine that disagrees gets no times, and the exit code is 1.

  python -m benchmarks.features --scale 0.02 --repeat 1        a first look, a minute
  python -m benchmarks.features --scale 0.1 0.3 1.0            all figures; needs 15 GB of disk and 24 GB of memory
  python -m benchmarks.features --scale 0.1 --engines duckdb   Impel beside DuckDB alone
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    options = _options(arguments)
    found: dict[str, Any] = {"machine": _machine(), "scales": {}}
    try:
        for scale in sorted(options.scale):
            found["scales"][f"{scale:g}"] = at_scale(
                options.folder / f"{scale:g}", scale, options.engines, options.repeat, options.memory_limit
            )
        if options.requests:
            say("requests of one pair")
            folder = options.folder / "one"
            measured("generate", folder, "one")
            found["online"] = measured("online", folder, options.requests).told
    except TaskError as error:
        say(str(error))
        return 1
    print(json.dumps(found, indent=2) if options.json else tables(found))
    differences = [at["difference"] for at in (*found["scales"].values(), found.get("online", {"difference": {}}))]
    return int(any(of["largest"] > AGREE for by_peer in differences for of in by_peer.values()))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.features",
        description="How fast and how lean the features are, beside the same features by hand in "
        "DuckDB SQL, Polars and pandas.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scale",
        type=_scale,
        nargs="+",
        default=[0.1],
        metavar="SHARE",
        help="sizes, as shares of 100 k accounts, 20 M posts, 10 M rows of each other table, 1 M pairs (default 0.1)",
    )
    parser.add_argument(
        "--folder",
        type=lambda text: Path(text).absolute(),
        default=Path(".impel/benchmarks").absolute(),
        help="where data, stores and results are kept; data that are there are used again (default .impel/benchmarks)",
    )
    parser.add_argument(
        "--engines", nargs="+", choices=PEERS, default=list(PEERS), help="which peers run beside Impel (default all)"
    )
    parser.add_argument("--repeat", type=_count(1), default=3, metavar="N", help="runs beside each peer (default 3)")
    parser.add_argument(
        "--requests",
        type=_count(0),
        default=50,
        metavar="N",
        help="requests of one pair by engine; 0 for none (default 50)",
    )
    parser.add_argument(
        "--memory-limit", default="8GB", metavar="SIZE", help="what DuckDB SQL and the scans may use (default 8GB)"
    )
    parser.add_argument("--json", action="store_true", help="print all that was measured, each run, as JSON")
    return parser.parse_args(arguments)


def _scale(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) <= 10:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is no size: give a share of full size, such as 0.1")


def _count(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        with suppress(ValueError):
            if int(text) >= least:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text} is no number of runs: give {least} or more")

    return count


def _machine() -> dict[str, object]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"processors": os.cpu_count(), "memory_gib": round(pages / 2**30, 1), "python": platform.python_version()}


if __name__ == "__main__":
    sys.exit(main())
