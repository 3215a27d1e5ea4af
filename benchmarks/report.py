"""The tables that the benchmark prints: times, memory, and each ratio beside its target."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

from benchmarks import AGREE

Row = tuple[str, ...]


def tables(found: dict[str, Any]) -> str:
    """Return everything that was found as text for people."""
    machine = found["machine"]
    lines = [f"{machine['processors']} processors, {machine['memory_gib']} GiB, Python {machine['python']}", ""]
    for scale, at in found["scales"].items():
        lines += [*_aligned([("scale " + scale, "seconds", "CPU s", "peak MiB"), *_runs(at)]), ""]
    targets = [row for scale, at in found["scales"].items() for row in _ratios(scale, at)]
    targets += _growth(found["scales"])
    if "online" in found:
        spent = found["online"]["milliseconds"]
        lines += [*_aligned([("one pair", "ms"), *((name, f"{ms:.2f}") for name, ms in spent.items())]), ""]
        targets += _requests(found["online"])
    lines += _aligned([("ratio", "found", "target", ""), *targets])
    return "\n".join(lines)


def _runs(at: dict[str, Any]) -> list[Row]:
    told = at["cold"]["told"]
    rows = [
        ("scan, columns compared", *_usage(at["scan_compared"])),
        ("scan, columns stored", *_usage(at["scan_stored"])),
        (f"prepare the store ({at['prepare']['told']['buckets']} buckets)", *_usage([at["prepare"]])),
        ("first build, social scores published", *_usage([at["cold"]])),
        (f"Impel, {told['features']} features", *_usage(_builds(at))),
    ]
    for peer, apart in at["difference"].items():
        if apart["largest"] > AGREE:
            rows.append((f"{peer}: DISAGREES by {apart['largest']:.1e} in {apart['feature']}", "", "", ""))
        else:
            runs = at["beside"][peer]["peer"]
            rows.append((f"{peer}, {told['compared']} features, apart {apart['largest']:.0e}", *_usage(runs)))
    more = at["tight_prepare"]["told"]["buckets"]
    rows += [
        (f"prepare for less memory ({more} buckets)", *_usage([at["tight_prepare"]])),
        ("first build with less memory", *_usage([at["tight_cold"]])),
        ("Impel with less memory", *_usage([at["tight"]])),
    ]
    return rows + ([("append a day", *_usage([at["append"]]))] if at["append"] else [])


def _ratios(scale: str, at: dict[str, Any]) -> list[Row]:
    rows = []
    for peer, beside in at["beside"].items():
        pairs = list(zip(beside["impel"], beside["peer"], strict=True))
        time = median(impel["seconds"] / other["seconds"] for impel, other in pairs)
        memory = median(impel["peak_mib"] / other["peak_mib"] for impel, other in pairs)
        if peer == "pandas":
            rows.append(_row(f"{scale}: times faster than pandas", 1 / time, 3, above=True))
        else:
            rows.append(_row(f"{scale}: time of the build / {peer}", time, 0.8))
            rows.append(_row(f"{scale}: memory of the build / {peer}", memory, 0.25))
    stored, usual = _median(at["scan_stored"]), _median(_builds(at))
    rows.append(_row(f"{scale}: prepare / scan of the same columns", at["prepare"]["seconds"] / stored, 6))
    rows.append((f"{scale}: first build less the usual, seconds", f"{at['cold']['seconds'] - usual:.1f}", "apart", ""))
    whole = [at["prepare"], at["cold"], *_builds(at)]
    tight = [at["tight_prepare"], at["tight_cold"], at["tight"]]
    rows.append(_row(f"{scale}: memory of the whole run, MiB", max(run["peak_mib"] for run in whole), 2048))
    rows.append(_row(f"{scale}: the same with less memory, MiB", max(run["peak_mib"] for run in tight), 1024))
    if at["append"]:
        share = at["append"]["seconds"] / at["prepare"]["seconds"]
        rows.append((f"{scale}: append a day / prepare 730 days", f"{share:.3f}", "small", ""))
    return rows


def _growth(scales: dict[str, Any]) -> list[Row]:
    if len(scales) < 2:
        return []
    small, large = min(scales, key=float), max(scales, key=float)
    spread = math.log(float(large) / float(small))

    def exponent(seconds: tuple[float, float]) -> float:
        return math.log(seconds[1] / seconds[0]) / spread

    builds = (_median(_builds(scales[small])), _median(_builds(scales[large])))
    prepares = (scales[small]["prepare"]["seconds"], scales[large]["prepare"]["seconds"])
    both = (builds[0] + prepares[0], builds[1] + prepares[1])
    return [
        _row(f"exponent of the build's time, {small} to {large}", exponent(builds), 1.1),
        _row(f"exponent of prepare and build, {small} to {large}", exponent(both), 1.1),
    ]


def _requests(online: dict[str, Any]) -> list[Row]:
    spent = online["milliseconds"]
    rows = []
    for peer, target in (("duckdb", 30), ("pandas", 50)):
        if peer in spent:
            rows.append(_row(f"one pair: times faster than {peer}", spent[peer] / spent["impel"], target, above=True))
    return [*rows, _row("500 candidates / one pair", spent["500 candidates"] / spent["impel"], 40)]


def _row(name: str, value: float, target: float, *, above: bool = False) -> Row:
    holds = value >= target if above else value <= target
    return (
        name,
        f"{value:,.0f}" if value >= 100 else f"{value:.2f}",
        f"{'>=' if above else '<='} {target:g}",
        ("holds" if holds else "MISSES"),
    )


def _builds(at: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the builds over the warm store; the first one where no peer ran."""
    return [run for beside in at["beside"].values() for run in beside["impel"]] or [at["cold"]]


def _median(runs: list[dict[str, Any]]) -> float:
    return median(run["seconds"] for run in runs)


def _usage(runs: list[dict[str, Any]]) -> Row:
    """Return medians of seconds and CPU, and the largest memory."""
    seconds, cpu = (median(run[name] for run in runs) for name in ("seconds", "cpu_seconds"))
    return f"{seconds:.2f}", f"{cpu:.2f}", f"{max(run['peak_mib'] for run in runs):,.0f}"


def _aligned(rows: list[Row]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = zip(row, widths, strict=True)
        lines.append("  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]).rstrip())
    return lines
