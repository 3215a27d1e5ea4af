"""How fast the service answers, beside what no service can undercut: `python -m benchmarks.serving --help`.

In turns, in one run: BentoML's endpoint that does nothing, `mlflow models serve` on the same bundle, the boosters of
the bundle alone on a ready matrix, and Impel. The load comes from wrk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measure import TaskError
from benchmarks.rounds import say
from benchmarks.servers import Bare, impel, load, mlflow, nothing, post

if TYPE_CHECKING:
    from collections.abc import Callable

EPILOG = """\
wrk has to be installed: apt-get install wrk. Server and load share the processors that this command may use, so let it
have them alone; `taskset` says which.

  impel simulate market --influencers 1000 --campaigns 150 --seed 21 && impel train market
  python -m benchmarks.serving market .impel/bundles/*          a minute and a half
  python -m benchmarks.serving market .impel/bundles/* --large 100000 --soak 60
"""
BRIEF: dict[str, Any] = {
    "goal": "sale",
    "vertical": "food",
    "brand_id": "b7",
    "topics": ["food", "home"],
    "brief": "new jelly for breakfast: honest reviews of how it tastes",
    "starts_at": "2026-12-01T00:00:00Z",
    "attribution_days": 30,
    "value_per_action": 60.0,
    "audience": {"country": {"US": 0.8, "GB": 0.2}, "gender": {"female": 0.7, "male": 0.3}},
}
MANY = 500
"""So many candidates make a long request."""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    options = _options(arguments)
    if shutil.which("wrk") is None:
        say("wrk is not installed; the load comes from it: apt-get install wrk")
        return 1
    try:
        with tempfile.TemporaryDirectory(prefix="impel-benchmark-") as scratch:
            found = _measured(options, Path(scratch))
    except TaskError as error:
        say(str(error))
        return 1
    print(json.dumps(found, indent=2) if options.json else _tables(found))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.serving",
        description="How fast the service answers, beside BentoML's floor, mlflow models serve and the bare boosters.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", help="a folder, .duckdb file or event store")
    parser.add_argument("bundle", type=Path, help="folder of a bundle that was trained on it")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the median is told (3)")
    parser.add_argument("--seconds", type=float, default=3, help="of load each time (3)")
    parser.add_argument("--soak", type=float, default=0, help="seconds of load at the end, for the memory (0)")
    parser.add_argument("--large", type=int, default=0, metavar="N", help="also rank so many generated accounts (0)")
    parser.add_argument(
        "--folder", type=Path, default=Path(".impel/benchmark-serving"), help="keeps what is generated for --large"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _measured(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    # Here: what this process weighs matters to nobody, but --help shall answer at once.
    from benchmarks.served import accounts_of, generated, invocation, saved  # noqa: PLC0415

    accounts = accounts_of(options.data)
    data, bundle = str(Path(options.data).absolute()), str(options.bundle.absolute())
    one, many = (_candidates(accounts, rows) for rows in (1, MANY))
    with ExitStack() as running:
        say("starting the servers")
        servers = {
            "nothing": running.enter_context(nothing()),
            "mlflow": running.enter_context(mlflow(saved(options.bundle, scratch / "model"))),
            "impel": running.enter_context(impel(scratch / "bento", data=data, model=bundle)),
        }
        bare = running.enter_context(Bare(options.bundle.absolute()))
        ours = servers["impel"].url
        rows = len(post(f"{ours}/v1/predict", many)["predictions"])
        row = invocation(options.data, options.bundle, accounts[0])
        loads: dict[str, Callable[[], dict[str, float]]] = {
            "nothing": lambda: load(f"{servers['nothing'].url}/nothing", {}, seconds=options.seconds),
            "mlflow, 1": lambda: load(f"{servers['mlflow'].url}/invocations", row, seconds=options.seconds),
            "predict, 1": lambda: load(f"{ours}/v1/predict", one, seconds=options.seconds),
            "predict, 1, 8 clients": lambda: load(f"{ours}/v1/predict", one, seconds=options.seconds, clients=8),
            f"predict, {rows}": lambda: load(f"{ours}/v1/predict", many, seconds=options.seconds),
            f"rank, {len(accounts)}": lambda: load(f"{ours}/v1/rank", {"brief": BRIEF}, seconds=options.seconds),
        }
        spent: dict[str, list[dict[str, float]]] = {name: [] for name in loads}
        alone: dict[str, list[float]] = {}
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            for name, measure in loads.items():
                spent[name].append(measure())
            for count in (1, rows, len(accounts)):
                for of, milliseconds in bare.milliseconds(count).items():
                    alone.setdefault(f"{of}, {count}", []).append(milliseconds)
        found: dict[str, Any] = {
            "loads": {name: _medians(runs) for name, runs in spent.items()},
            "bare": {name: median(runs) for name, runs in alone.items()},
            "start_seconds": {name: server.seconds for name, server in servers.items()},
            "resident_mib": {name: server.resident() for name, server in servers.items()},
        }
        if options.soak:
            say(f"{options.soak:g} s of load")
            before = servers["impel"].resident()
            run = load(f"{ours}/v1/predict", one, seconds=options.soak)
            found["soak"] = {**run, "growth_mib": servers["impel"].resident() - before}
    if options.large:
        say(f"{options.large:,} accounts")
        large = generated(options.folder, options.large)
        with impel(scratch / "large", data=str(large), model=bundle) as server, Bare(options.bundle.absolute()) as bare:
            post(f"{server.url}/v1/rank", {"brief": BRIEF})
            runs = [load(f"{server.url}/v1/rank", {"brief": BRIEF}, seconds=10) for _ in range(options.rounds)]
            found["loads"][f"rank, {options.large}"] = _medians(runs)
            found["bare"][f"rank, {options.large}"] = bare.milliseconds(options.large)["rank"]
            found["large"] = {"start_seconds": server.seconds, "resident_mib": server.resident()}
    return found | {"accounts": len(accounts), "rows": rows}


def _candidates(accounts: list[str], rows: int) -> dict[str, Any]:
    chosen = [accounts[place % len(accounts)] for place in range(rows)]
    return {"brief": BRIEF, "candidates": [{"account_id": account, "fee": 250.0} for account in chosen]}


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    failed = sum(run["failed"] for run in runs)
    return {name: median(run[name] for run in runs) for name in ("p50", "p99", "throughput")} | {"failed": failed}


def _tables(found: dict[str, Any]) -> str:
    loads, bare, rows, accounts = found["loads"], found["bare"], found["rows"], found["accounts"]
    lines = [f"{'':28}{'p50 ms':>9}{'p99 ms':>9}{'per s':>9}{'failed':>8}"]
    lines += [
        f"{name:28}{run['p50']:9.2f}{run['p99']:9.2f}{run['throughput']:9.1f}{run['failed']:8.0f}"
        for name, run in loads.items()
    ]
    lines += [f"{'bare boosters: ' + name:28}{milliseconds:9.3f}" for name, milliseconds in bare.items()]
    nothing_ms = loads["nothing"]["p50"]
    one, many = loads["predict, 1"], loads[f"predict, {rows}"]
    eight = loads["predict, 1, 8 clients"]
    ratios = [
        ("predict 1 / nothing, p50", one["p50"] / nothing_ms, "1.6", True),
        ("predict 1 / mlflow, throughput", one["throughput"] / loads["mlflow, 1"]["throughput"], "15", False),
        (f"predict {rows} / (nothing + bare)", many["p50"] / (nothing_ms + bare[f"predict, {rows}"]), "1.3", True),
        ("p99 / p50, 1 client", one["p99"] / one["p50"], "5", True),
        ("p99 / p50, 8 clients", eight["p99"] / eight["p50"], "5", True),
        *(
            (f"{name} / bare", run["p50"] / bare[name], "1.5", True)
            for name, run in loads.items()
            if name.startswith("rank")
        ),
    ]
    lines += ["", f"{'ratio':36}{'found':>8}{'target':>8}"]
    lines += [
        f"{name:36}{ratio:8.2f}{('<= ' if most else '>= ') + target:>8}"
        + ("" if (ratio <= float(target)) == most else "  missed")
        for name, ratio, target, most in ratios
    ]
    lines += ["", f"{'':28}{'start s':>9}{'MiB':>9}"]
    states = {name: (found["start_seconds"][name], found["resident_mib"][name]) for name in found["start_seconds"]}
    if "large" in found:
        states["impel, large"] = found["large"]["start_seconds"], found["large"]["resident_mib"]
    lines += [f"{name:28}{seconds:9.1f}{resident:9.0f}" for name, (seconds, resident) in states.items()]
    if "soak" in found:
        lines += ["", f"memory grew by {found['soak']['growth_mib']:.1f} MiB; p99 {found['soak']['p99']:.2f} ms"]
    lines += [f"rank of {accounts:,} accounts is of those of the data; a larger number of generated ones"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
