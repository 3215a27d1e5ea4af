"""The pictures of a backtest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, PercentFormatter

from training.earned import HIRED
from training.evaluate import ALL
from training.policies import MODEL, MODEL_LIKELIHOOD, MODEL_VALUE, ORACLE, OTHER_ORDERS, POLICIES, RANDOM
from training.report.numbers import count, short, tick
from training.report.picture import COLOURS, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _MUTED, _ACCENT = (COLOURS[name] for name in ("--ink", "--muted", "--accent"))
_STYLES: dict[str, dict[str, Any]] = {
    MODEL: {"color": _ACCENT, "linewidth": 2.8, "zorder": 5},
    MODEL_LIKELIHOOD: {"color": _ACCENT, "linewidth": 1.4, "linestyle": (0, (4, 2))},
    MODEL_VALUE: {"color": _ACCENT, "linewidth": 1.4, "linestyle": (0, (1, 2))},
    ORACLE: {"color": _INK, "linewidth": 1.2, "linestyle": (0, (1, 1.5))},
    RANDOM: {"color": _MUTED, "linewidth": 1.2, "linestyle": (0, (1, 2))},
} | {
    name: {"color": COLOURS[f"--c{number}"], "linewidth": 1.5}
    for number, name in enumerate(
        ("followers", "engagement_rate", "klout", "kred", "peerindex", "past_outcomes"), start=1
    )
}
_LONGEST_NAME = 28
_LABELS = {name: policy.label for name, policy in POLICIES.items()} | {HIRED: "those who were hired"}


def reliability(bins: list[dict[str, Any]], spread: list[int]) -> Picture:
    """Draw what happened over what was said, and how many activations were given which likelihood."""

    def draw(figure: Figure, *, narrow: bool) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        said, came = [one["likelihood"] for one in bins], [one["observed"] for one in bins]
        top.plot((0, 1), (0, 1), color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
        top.annotate(
            "said = happened",
            (0.97, 0.97),
            ha="right",
            va="bottom",
            color=_MUTED,
            xytext=(-8, -2),
            textcoords="offset points",
        )
        top.fill_between(
            said, [one["low"] for one in bins], [one["high"] for one in bins], color=COLOURS["--band"], linewidth=0
        )
        top.plot(said, came, color=_ACCENT, linewidth=2, marker="o", markersize=5)
        top.set(
            xlim=(0, 1),
            ylim=(0, 1.03),
            ylabel="share that reached it" if narrow else "share of activations that reached it",
        )
        width = 1 / len(spread)
        places = [width * (number + 0.5) for number in range(len(spread))]
        bottom.bar(places, spread, width=width * 0.86, color=_ACCENT, alpha=0.55)
        bottom.set(xlabel="likelihood that Impel gave", ylabel="activations")
        bottom.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        for axis in (top.yaxis, bottom.xaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
        top.grid(visible=True)

    words = "; ".join(
        f"{one['likelihood']:.0%} said, {one['observed']:.0%} happened ({count(one['rows'])})" for one in bins
    )
    return Picture("reliability", draw, height=4.6, narrow_height=4.2, alt=f"Reliability curve: {words}.")


def distribution(pit: list[dict[str, Any]], thresholds: list[dict[str, Any]]) -> Picture:
    """Draw where in their forecasts the outcomes came, and what happened over what was said at several thresholds."""

    def draw(figure: Figure, *, narrow: bool) -> None:
        left, right = figure.subplots(2, 1, height_ratios=(2, 3)) if narrow else figure.subplots(1, 2)
        width = 1 / len(pit)
        places = [width * (number + 0.5) for number in range(len(pit))]
        left.bar(places, [one["value"] for one in pit], width=width * 0.86, color=_ACCENT, alpha=0.55)
        for place, one in zip(places, pit, strict=True):
            if one["low"] is not None:
                left.vlines(place, one["low"], one["high"], color=_INK, linewidth=1.2)
        left.axhline(width, color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
        left.set(xlim=(0, 1), xlabel="place in the forecast, lowest tenth first", ylabel="share of outcomes")
        right.plot((0, 1), (0, 1), color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for number, one in enumerate(thresholds, start=1):
            said, came = ([bin_[name] for bin_ in one["reliability"]] for name in ("likelihood", "observed"))
            label = f"as many as {one['share']:.0%} of past ones"
            right.plot(said, came, color=COLOURS[f"--c{number}"], linewidth=1.5, marker="o", markersize=3, label=label)
        right.set(xlim=(0, 1), ylim=(0, 1.03), xlabel="likelihood that Impel gave", ylabel="share that reached it")
        for axis in (left.yaxis, right.xaxis, right.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        left.set_xticks([])
        right.grid(visible=True)
        figure.legend(loc="outside lower center", ncols=1 if narrow else 2, handlelength=2.0)

    tenths = ", ".join(f"{one['value']:.1%}" for one in pit)
    errors = "; ".join(f"{one['share']:.0%} {one['calibration_error']['value']:.1%}" for one in thresholds)
    alt = f"Share of the outcomes in each tenth of their forecasts: {tenths}. Calibration error by threshold: {errors}."
    return Picture("distribution", draw, height=3.9, narrow_height=6.2, alt=alt)


def gain_curves(gains: dict[str, Any], which: str) -> Picture:
    """Draw the share of the actions over the share of hires (`by_hires`) or of fees (`by_fees`)."""
    curves = gains[which]["policies"]
    spent = "share of the fees paid" if which == "by_fees" else "share of the accounts hired"
    half = len(gains["share"]) // 2
    order = sorted(curves, key=lambda name: -curves[name][half])

    def draw(figure: Figure, *, narrow: bool) -> None:
        axes = figure.subplots()
        for name in order:
            axes.plot(gains["share"], curves[name], label=POLICIES[name].label, **_STYLES[name])
        axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel=spent, ylabel="share of the actions")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(visible=True)
        where: dict[str, Any] = {"loc": "outside lower left", "ncols": 1} if narrow else {"loc": "outside right upper"}
        figure.legend(**where, labelspacing=0.45, handlelength=2.4)

    words = "; ".join(f"{POLICIES[name].label} {curves[name][half]:.0%}" for name in order)
    alt = f"Gains curves. At half of it ({spent}), share of the actions: {words}."
    return Picture(f"gains-{which.replace('_', '-')}", draw, height=4.4, narrow_height=5.6, alt=alt)


def bars(figures: dict[str, dict[str, Any]], *, measure: str, title: str, picture: str = "bars") -> Picture:
    """Draw one measure of every policy with its interval, the best on top; `picture` is its name on the page."""
    known = {name: one[measure] for name, one in figures.items() if one[measure]["value"] is not None}
    order = sorted(known, key=lambda name: known[name]["value"])
    tell = (lambda value: f"{value:.0%}") if measure.endswith("share") else short

    def draw(figure: Figure, *, narrow: bool) -> None:
        axes = figure.subplots()
        for place, name in enumerate(order):
            one = known[name]
            colour = {**dict.fromkeys((MODEL, *OTHER_ORDERS), _ACCENT), ORACLE: _INK, HIRED: _INK}.get(name, _MUTED)
            axes.barh(place, one["value"], height=0.44, color=colour, alpha=1.0 if name in {MODEL, ORACLE} else 0.45)
            if one["low"] is not None:
                axes.hlines(place, one["low"], one["high"], color=_INK, linewidth=1.4, zorder=4)
            # On a narrow screen there is no room for words beside the bars.
            height, base = (place + 0.28, "bottom") if narrow else (place, "center")
            # Where words stand on the drawing, its lines pass behind them.
            box = {"facecolor": COLOURS["--card"], "edgecolor": "none", "pad": 1} if narrow else None
            write = partial(axes.text, transform=axes.get_yaxis_transform(), verticalalignment=base, bbox=box)
            write(0.0 if narrow else -0.02, height, _LABELS[name], ha="left" if narrow else "right")
            write(1.0 if narrow else 1.16, height, tell(one["value"]), ha="right")
        axes.axvline(0, color=_INK, linewidth=0.8)
        axes.set_yticks([])
        axes.set_ylim(-0.6, len(order) - (0.1 if narrow else 0.4))
        axes.set_xlabel(title.replace(", ", ",\n") if narrow else title)
        axes.xaxis.set_major_locator(MaxNLocator(3 if narrow else 6))
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:.0%}" if measure.endswith("share") else tick(value))
        )
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)

    words = "; ".join(f"{_LABELS[name]} {tell(known[name]['value'])}" for name in reversed(order))
    height = 0.9 + 0.36 * len(order)
    return Picture(
        picture, draw, height=height, narrow_height=height + 0.08 * len(order) + 0.3, alt=f"{title}, by rule: {words}."
    )


def forest(slices: list[dict[str, Any]], *, rule: str | None) -> Picture:
    """Draw the AUC of each part of the data with its interval, and that of the best simple rule."""
    judged = [one for one in slices if "score_auc" in one]
    rows: list[dict[str, Any] | str] = []
    for one in judged:
        if one["by"] != ALL and not any(isinstance(row, dict) and row["by"] == one["by"] for row in rows):
            rows.append(one["by"])
        rows.append(one)
    rows.reverse()

    def draw(figure: Figure, *, narrow: bool) -> None:
        axes = figure.subplots()
        for place, row in enumerate(rows):
            if isinstance(row, str):
                continue
            _forest_row(axes, place, row, rule)
        axes.axvline(0.5, color=_INK, linewidth=0.8)
        axes.set_yticks(range(len(rows)), [_row_label(row, narrow=narrow) for row in rows])
        for text, row in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_fontweight("bold" if isinstance(row, str) else "normal")
        axes.tick_params(axis="y", length=0, labelcolor=_INK)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlabel("AUC (0.5 is chance, 1 is perfect)")
        axes.xaxis.set_major_locator(MultipleLocator(0.1))
        axes.grid(visible=True, axis="x")
        axes.spines["left"].set_visible(False)
        handles, labels = axes.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(unique.values(), unique.keys(), loc="outside upper right", ncols=1 if narrow else 2)

    words = "; ".join(f"{one['by']}: {one['slice']} {one['score_auc'][MODEL]['value']:.2f}" for one in judged)
    height = 1.2 + 0.27 * len(rows)
    return Picture("forest", draw, height=height, narrow_height=height + 0.3, alt=f"AUC by part of the data: {words}.")


def _forest_row(axes: Axes, place: int, row: dict[str, Any], rule: str | None) -> None:
    one = row["score_auc"][MODEL]
    if one["low"] is not None:
        axes.hlines(place, one["low"], one["high"], color=_ACCENT, linewidth=2)
    axes.plot(one["value"], place, "o", color=_ACCENT, markersize=6, label="Impel, with 95 % interval", zorder=4)
    other = row["score_auc"].get(rule) if rule else None
    if rule and other:
        axes.plot(
            other["value"],
            place,
            "D",
            markerfacecolor=COLOURS["--card"],
            markeredgecolor=_INK,
            markersize=4.5,
            label=POLICIES[rule].label,
            zorder=3,
        )


def _row_label(row: dict[str, Any] | str, *, narrow: bool) -> str:
    if isinstance(row, str):
        return row.capitalize()
    name = str(row["slice"])
    if narrow:
        name = name.partition(" (")[0]
    longest = _LONGEST_NAME // 2 if narrow else _LONGEST_NAME
    return name if len(name) <= longest else name[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
