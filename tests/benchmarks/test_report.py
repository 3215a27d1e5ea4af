"""What the benchmark prints: ratios of neighbours beside their targets, and no times of engines that disagree."""

from __future__ import annotations

from typing import Any

from benchmarks.report import tables


def _run(seconds: float, peak: float) -> dict[str, Any]:
    told = {"buckets": 2, "features": 100, "compared": 59}
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_mib": peak, "told": told}


def _scale(factor: float) -> dict[str, Any]:
    one = {name: _run(factor, 900) for name in ("prepare", "cold", "tight_prepare", "tight_cold", "tight", "append")}
    neighbours = {"impel": [_run(2 * factor, 500), _run(4 * factor, 500)], "peer": [_run(4 * factor, 1000)] * 2}
    return {
        **one,
        "scan_compared": [_run(factor / 10, 90)],
        "scan_stored": [_run(factor / 10, 90)],
        "beside": {"duckdb": neighbours},
        "difference": {
            "duckdb": {"largest": 1e-12, "feature": "fee_log", "pairs": 9},
            "polars": {"largest": 0.5, "feature": "posts_90d", "pairs": 9},
        },
    }


def test_ratios_are_medians_of_neighbours_and_growth_is_an_exponent() -> None:
    text = tables(
        {
            "machine": {"processors": 2, "memory_gib": 8.0, "python": "3.11"},
            "scales": {"0.1": _scale(1), "1": _scale(10**1.2)},
            "online": {"milliseconds": {"impel": 2.0, "duckdb": 80.0, "500 candidates": 100.0}, "difference": {}},
        }
    )
    expected = {
        "0.1: time of the build / duckdb": ("0.75", "holds"),  # the median of 2/4 and 4/4
        "0.1: memory of the build / duckdb": ("0.50", "MISSES"),
        "0.1: prepare / scan of the same columns": ("10.00", "MISSES"),
        "exponent of the build's time, 0.1 to 1": ("1.20", "MISSES"),
        "one pair: times faster than duckdb": ("40.00", "holds"),
        "500 candidates / one pair": ("50.00", "MISSES"),
    }
    rows = {name: line for name in expected for line in text.splitlines() if line.startswith(name)}
    assert {name: (rows[name][len(name) :].split()[0], rows[name].split()[-1]) for name in expected} == expected


def test_an_engine_that_disagrees_gets_no_times() -> None:
    machine = {"processors": 2, "memory_gib": 8.0, "python": "3.11"}
    lines = tables({"machine": machine, "scales": {"0.1": _scale(1)}}).splitlines()
    assert [line.rstrip() for line in lines if "polars" in line] == ["polars: DISAGREES by 5.0e-01 in posts_90d"]
