"""Write what a backtest found: the page, the same numbers as JSON, and the rows behind them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from features.errors import SettingError
from training.bootstrap import FEWEST_CAMPAIGNS
from training.earned import HIRED
from training.evaluate import BASE_RATE, FEWEST_ROWS, GOAL_RATE
from training.off_policy import DOUBLY_ROBUST, FEWEST_EFFECTIVE
from training.policies import MODEL, POLICIES
from training.report import numbers, plots, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.backtest import Backtest
    from training.report.picture import Picture

_MEASURES = {
    "net_value": "value after fees",
    "value": "value",
    "actions_share": "share of the campaign's actions",
}
_RATES = {
    BASE_RATE: "share of past activations that reached it",
    GOAL_RATE: "share of the goal's past activations with as many",
}


def write(backtest: Backtest, out_dir: str | Path, *, pictures: bool = False) -> Path:
    """Write report.html, metrics.json and predictions.parquet into a folder, which is made where it is missing.

    Parameters
    ----------
    pictures
        Also write each picture as PNG and SVG, into the folder `plots` in it.

    Returns
    -------
    The path of report.html: one file that needs no other, no script and no network.

    Raises
    ------
    SettingError
        Where the folder cannot be written.
    """
    folder = Path(out_dir)
    metrics = plain(backtest.metrics)
    page = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(render(metrics), encoding="utf-8")
        text = json.dumps(metrics, indent=1, allow_nan=False, ensure_ascii=False)
        (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
        backtest.predictions.to_parquet(folder / "predictions.parquet", index=False)
        if pictures:
            (folder / "plots").mkdir(exist_ok=True)
            for picture in _pictures(metrics).values():
                picture.save(folder / "plots")
    except OSError as error:
        raise SettingError(f"the report cannot be written to {str(folder)!r}: {error.strerror or error}") from None
    return page


def render(metrics: dict[str, Any]) -> str:
    """Return the page; every figure in it is one of the metrics."""
    head = metrics["headline"]
    template = templates().get_template("template.html.j2")
    return template.render(
        m=metrics,
        head=head,
        entry=None if head["of"] == "likelihood" else words.entry(metrics),
        words=words,
        numbers=numbers,
        pictures=_pictures(metrics),
        label=lambda name: POLICIES[name].label if name in POLICIES else _RATES[name],
        model=MODEL,
        issues=[one for one in metrics["checks"] if one["outcome"] == "issue"],
        doubly_robust=DOUBLY_ROBUST,
        fewest_effective=FEWEST_EFFECTIVE,
        fewest_rows=FEWEST_ROWS,
        fewest_campaigns=FEWEST_CAMPAIGNS,
    )


def templates() -> Environment:
    """Return what fills in the templates of this folder."""
    found = Environment(
        loader=PackageLoader("training.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "share": numbers.share,
        "figure": numbers.figure,
        "count": numbers.count,
        "percent": numbers.percent,
        "short": numbers.short,
        "cell": _cell,
        "typeset": lambda text: str(text).replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
    }
    return found


def plain(value: Any) -> Any:
    """Return a nested value as JSON knows it: NaN and infinity become null, numpy's numbers Python's."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, bool | str):
        return value
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number if isinstance(number, int | float | bool) else str(number)


def _cell(estimate: dict[str, float | None], how: Callable[[float | None], str]) -> Markup:
    """Return an estimate for a table, its interval below it."""
    interval = numbers.within(estimate, how)
    value = how(estimate["value"])
    return Markup("{} <small>{}</small>").format(value, interval) if interval else Markup.escape(value)


def _pictures(m: dict[str, Any]) -> dict[str, Picture]:
    head = m["headline"]
    pictures = {"reliability": plots.reliability(m["reliability"][MODEL], m["spread"])}
    pictures["distribution"] = plots.distribution(m["pit"], m["thresholds"])
    for which in ("by_fees", "by_hires"):
        if m["gains"][which]["campaigns"]:
            pictures[which] = plots.gain_curves(m["gains"], which)
    if head["of"] != "likelihood":
        figures = words.entry(m)["policies"]
        first = "first hire" if head["k"] == 1 else f"first {head['k']} hires"
        title = f"{_MEASURES[head['measure']]}, {first} of every campaign"
        pictures["bars"] = plots.bars(figures, measure=head["measure"], title=title)
    told = {name: one[DOUBLY_ROBUST] for name, one in m["off_policy"]["policies"].items() if not one["why_not"]}
    if told:
        came = {"net_value": {"value": m["off_policy"][HIRED]["net_value"], "low": None, "high": None}}
        title = f"{_MEASURES['net_value' if m['off_policy']['spend'] == 'fees' else 'value']}, all candidates"
        pictures["earned"] = plots.bars(told | {HIRED: came}, measure="net_value", title=title, picture="earned")
    if any("score_auc" in one for one in m["slices"]):
        pictures["forest"] = plots.forest(m["slices"], rule=head["best_score"])
    return pictures
