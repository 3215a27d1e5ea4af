"""What the console's modules promise by themselves, asked in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.console.conftest import Opened


@pytest.fixture
def called(opened: Callable[..., Opened]) -> Callable[..., Any]:
    """Call a function of a module."""
    page = opened().page

    def call(module: str, name: str, *given: Any) -> Any:
        program = "async ([module, name, given]) => (await import(`./${module}.js`))[name](...given)"
        return page.evaluate(program.replace("./", "/console/"), [module, name, list(given)])

    return call


def test_csv_is_read_as_spreadsheets_write_it(called: Callable[..., Any]) -> None:
    for text, rows in {
        "a,1\r\nb,2\r\n": [["a", "1"], ["b", "2"]],
        "\ufeffa;1\nb;2": [["a", "1"], ["b", "2"]],
        '"a,""b""\nc",1\n\n': [['a,"b"\nc', "1"]],
        "a\t 1 \n": [["a", "1"]],
        "": [],
    }.items():
        assert called("csv", "readCsv", text) == rows


def test_csv_written_is_read_back_and_runs_nothing(called: Callable[..., Any]) -> None:
    rows = [["a,b", 'say "x"', "line\nbreak"], ["plain", "ünïcode", "x"]]
    assert called("csv", "readCsv", called("csv", "writeCsv", rows)) == rows
    for formula in ("=1+1", "+1", "-1", "@x", " =1", "\t=1", "\n=1"):
        assert called("csv", "readCsv", called("csv", "writeCsv", [[formula]]))[0][0].startswith("'")
    assert called("csv", "writeCsv", [[-1.5, None, 0]]) == "-1.5,,0\r\n"


def test_shares_never_add_up_to_more_than_the_whole(called: Callable[..., Any]) -> None:
    buckets = {"US": 0.5, "GB": 0.3, "DE": 0.2}
    moved = called("offer", "balanced", buckets, "US", 0.8)
    assert moved["US"] == 0.8
    assert sum(moved.values()) == pytest.approx(1)
    assert moved["GB"] / moved["DE"] == pytest.approx(1.5)
    assert called("offer", "balanced", buckets, "US", 0.1) == {"GB": 0.3, "DE": 0.2, "US": 0.1}
    assert called("offer", "balanced", {"US": 0.5}, "US", 1) == {"US": 1}


def test_numbers_as_people_read_them(called: Callable[..., Any]) -> None:
    gap, minus, dash = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}", "\N{EN DASH}"
    for name, value, text in (
        ("share", 0.256, f"26{gap}%"),
        ("share", 0.0561, f"5.6{gap}%"),
        ("share", 0.9999, f">99{gap}%"),
        ("share", 0.00001, f"<0.1{gap}%"),
        ("share", 0, f"0{gap}%"),
        ("share", None, dash),
        ("points", -0.0312, f"{minus}3.1"),
        ("points", 0.00001, "0.0"),
        ("money", 1234.5, "1,235"),
        ("money", 12.345, "12.35"),
        ("ordinal", 22, "22nd"),
        ("ordinal", 113, "113th"),
        ("day", "2026-12-01T00:00:00Z", "1 Dec 2026"),
    ):
        assert called("format", name, value) == text
