"""Numbers as readers meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NONE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_GAP = "\N{NO-BREAK SPACE}"  # a number stays with its unit


def share(value: float | None, *, digits: int = 0) -> str:
    """Return 0.256 as "26 %"."""
    return NONE if value is None else _signed(f"{100 * value:.{digits}f}{_GAP}%")


def figure(value: float | None, *, digits: int = 3) -> str:
    """Return 0.71347 as "0.713"."""
    return NONE if value is None else _signed(f"{value:.{digits}f}")


def count(value: float | None) -> str:
    """Return 12345.6 as "12,346"."""
    return NONE if value is None else _signed(f"{value:,.0f}")


def short(value: float | None) -> str:
    """Return an amount in three digits or so: "1.90 million", "358,900", "42"."""
    return NONE if value is None else _amount(value, "#.3g")


def tick(value: float) -> str:
    """Return an amount for an axis, without noughts that say nothing: "2 million"."""
    return _amount(value, ".3g")


def times(value: float | None) -> str:
    """Return a ratio as "2.4 times"."""
    return (
        NONE
        if value is None
        else (f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}") + f"{_GAP}times"
    )


def percent(value: float | None) -> str:
    """Return 0.2564 as "25.6 %"."""
    return share(value, digits=1)


def fine(value: float | None) -> str:
    """Return 0.00247 as "0.0025"."""
    return figure(value, digits=4)


def ratio(value: float | None) -> str:
    """Return 1.2345 as "1.23"."""
    return figure(value, digits=2)


def within(estimate: dict[str, Any], how: Callable[[float], str]) -> str:
    """Return the interval of an estimate as "0.69 to 0.74" or "3.3 to 4.7 million"; empty where it has none."""
    if estimate.get("low") is None or estimate.get("high") is None:
        return ""
    low, high = how(estimate["low"]), how(estimate["high"])
    if low.partition(_GAP)[2] == high.partition(_GAP)[2]:  # one unit is enough
        low = low.partition(_GAP)[0]
    return f"{low} to {high}"


def _amount(value: float, millions: str) -> str:
    size = abs(value)
    for unit, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if size >= unit * 0.9995:
            return _signed(f"{format(value / unit, millions).rstrip('.')}{_GAP}{name}")
    rounded = float(f"{value:.4g}")
    return _signed(f"{rounded:,.0f}" if size >= 1000 or rounded == int(rounded) else f"{rounded:,.3g}")


def _signed(text: str) -> str:
    """Write a minus as one, and no minus before nothing but zeros."""
    return text.replace("-", _MINUS) if any(digit in text for digit in "123456789") else text.replace("-", "")
