"""The pictures of a log, in the manner of those of a backtest."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import PercentFormatter

from training.checks.drift import MOVING
from training.report.picture import COLOURS, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 15
_INK, _MUTED, _ACCENT = COLOURS["--ink"], COLOURS["--muted"], COLOURS["--accent"]


def drift(features: list[dict[str, Any]], *, threshold: float) -> Picture:
    """Draw the population stability index of the features that moved most."""
    shown = sorted(features, key=lambda one: one["stability"])[-_MOST:]

    def draw(figure: Figure, *, narrow: bool) -> None:
        axes = figure.subplots()
        for place, one in enumerate(shown):
            pale = one["family"] in MOVING
            axes.barh(place, one["stability"], height=0.5, color=_MUTED if pale else _ACCENT, alpha=0.4 if pale else 1)
        axes.axvline(threshold, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        _named(axes, [one["feature"] for one in shown], narrow=narrow)
        axes.set_xlabel("population stability index")

    words = "; ".join(f"{one['feature']} {one['stability']:.2f}" for one in reversed(shown))
    height = 0.8 + 0.27 * len(shown)
    return Picture("drift", draw, height=height, narrow_height=height * 1.45, alt=f"Drift by feature: {words}.")


def missing(features: list[dict[str, Any]]) -> Picture:
    """Draw the share of unknown values now and before, of the features where it rose most."""
    shown = sorted(features, key=lambda one: one["missing"] - one["missing_before"])[-_MOST:]

    def draw(figure: Figure, *, narrow: bool) -> None:
        axes = figure.subplots()
        for place, one in enumerate(shown):
            before, now = one["missing_before"], one["missing"]
            axes.hlines(place, before, now, color=_ACCENT, linewidth=1.6)
            axes.plot(before, place, "o", markerfacecolor="none", markeredgecolor=_INK, markersize=6)
            axes.plot(now, place, "o", color=_ACCENT, markersize=6, zorder=4)
        _named(axes, [one["feature"] for one in shown], narrow=narrow)
        axes.set(xlim=(-0.03, 1.03), xlabel="share of predictions without a value")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))

    words = "; ".join(
        f"{one['feature']} {one['missing_before']:.0%} then, {one['missing']:.0%} now" for one in reversed(shown)
    )
    height = 0.8 + 0.27 * len(shown)
    return Picture("missing", draw, height=height, narrow_height=height * 1.45, alt=f"Unknown values: {words}.")


def likelihoods(found: dict[str, Any]) -> Picture:
    """Draw the shares of the predictions in the tenths of before, then and now."""
    edges = [0.0, *found["edges"], 1.0]
    names = [f"{_percent(low)} to {_percent(high)} %" for low, high in pairwise(edges)]
    before, now = (
        [count / max(sum(counts), 1) for count in counts[:-1]] for counts in (found["before"], found["after"])
    )

    def draw(figure: Figure, *, narrow: bool) -> None:
        axes = figure.subplots()
        for place, (then, today) in enumerate(zip(before, now, strict=True)):
            bars = ((then, 0.2, _MUTED, 0.45, "before"), (today, -0.2, _ACCENT, 1, "now"))
            for share, offset, colour, alpha, label in bars:
                axes.barh(place + offset, share, height=0.36, color=colour, alpha=alpha, label=None if place else label)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0, labelcolor=_INK)
        axes.set(ylabel=None if narrow else "likelihood", xlabel="share of the predictions")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper right", ncols=2)

    words = "; ".join(
        f"{name}: {then:.0%} then, {today:.0%} now" for name, then, today in zip(names, before, now, strict=True)
    )
    return Picture("likelihoods", draw, height=4.2, narrow_height=4.6, alt=f"Likelihoods: {words}.")


def _percent(share: float) -> str:
    return f"{100 * share:.2g}" if share < 0.995 else "100"


def _named(axes: Axes, names: list[str], *, narrow: bool) -> None:
    """Put a name to each row: beside it, or above it where there is no room."""
    axes.grid(visible=True, axis="x")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.6, len(names) - (0.1 if narrow else 0.4))
    if not narrow:
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0, labelcolor=_INK)
        return
    axes.set_yticks([])
    for place, name in enumerate(names):
        axes.text(0.0, place + 0.3, name, transform=axes.get_yaxis_transform(), verticalalignment="bottom", fontsize=8)
