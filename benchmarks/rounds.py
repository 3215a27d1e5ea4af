"""All runs of one scale: data, store, builds beside each peer, less memory, one more day."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks import AGREE
from benchmarks.measure import measured

if TYPE_CHECKING:
    from pathlib import Path

PEERS = ("duckdb", "polars", "pandas")
PAIRS_COMPARED = 20_000
USUAL, LESS = 2, 1
"""Memory, in GiB, for which the store is prepared."""


def say(words: str) -> None:
    """Tell the user what is going on."""
    print(words, file=sys.stderr, flush=True)


def at_scale(folder: Path, scale: float, peers: list[str], repeat: int, memory_limit: str) -> dict[str, Any]:
    """Make all runs of one scale in a folder; return what was measured, as plain values.

    Returns
    -------
    dict
        By run: `prepare`, `cold` (the first build, which publishes the social scores), `tight_prepare`, `tight_cold`
        and `tight` (with less memory), `append` (None where there is no such thing); lists of runs in `scan_compared`
        and `scan_stored`, and in `beside` by peer the runs of `impel` and of the `peer`; `difference` by
        peer; the runs of a peer that disagrees are left out.
    """
    source, store, tight = folder / "source", folder / "store", folder / "tight-store"

    def run(name: str, task: str, *arguments: object, reads: tuple[Path, ...]) -> dict[str, Any]:
        used = measured(task, *arguments, reads=reads)
        say(f"scale {scale:g}, {name}: {used.seconds:.2f} s, {used.cpu_seconds:.2f} s CPU, {used.peak_mib:,.0f} MiB")
        return asdict(used)

    def result(engine: str) -> Path:
        return folder / f"{engine}.parquet"

    def build(name: str, place: Path) -> dict[str, Any]:
        return run(name, "impel", folder, result("impel"), place, reads=(place, folder / "pairs.parquet"))

    _compile(folder.parent / "compile")
    say(f"scale {scale:g}: generating, where it is not there yet")
    measured("generate", folder, f"{scale:g}")
    read = (source, folder / "pairs.parquet")
    found: dict[str, Any] = {"prepare": run("prepare the store", "prepare", folder, store, USUAL, reads=(source,))}
    found["cold"] = build("first build, with social scores", store)
    found |= {"scan_compared": [], "scan_stored": [], "beside": {peer: {"impel": [], "peer": []} for peer in peers}}
    for _ in range(repeat):
        for columns in ("compared", "stored"):
            scan = run(f"scan the {columns} columns", "scan", folder, columns, memory_limit, reads=(source,))
            found[f"scan_{columns}"].append(scan)
        for peer, beside in found["beside"].items():
            beside["impel"].append(build("impel", store))
            limit = (memory_limit,) if peer == "duckdb" else ()
            beside["peer"].append(run(peer, peer, folder, result(peer), *limit, reads=read))
    say("comparing results")
    compared = measured("compare", PAIRS_COMPARED, result("impel"), *map(result, peers)).told
    found["difference"] = {peer: compared[str(result(peer))] for peer in peers}
    for peer, apart in found["difference"].items():
        if apart["largest"] > AGREE:
            # How long something else takes is of no interest.
            del found["beside"][peer]
    found["tight_prepare"] = run("prepare for less memory", "prepare", folder, tight, LESS, reads=(source,))
    found["tight_cold"] = build("first build with less memory", tight)
    found["tight"] = build("build with less memory", tight)
    appended = run("append a day", "append", folder, store, reads=(folder / "day", store))
    found["append"] = appended if appended["told"]["appended"] else None
    return found


def _compile(folder: Path) -> None:
    """Have the kernels compiled and kept, so that no run that is timed compiles them."""
    say("compiling, where it is not done yet")
    measured("generate", folder, "0.0005")
    measured("prepare", folder, folder / "store", USUAL)
    measured("impel", folder, folder / "impel.parquet", folder / "store")
