"""The model card: one page on what a model is for, what it learnt from, how good it is, and where it must not be used.

After Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.policies import MODEL
from training.report import numbers, page, plots, words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from features.catalogue.entry import Family
    from serving.spec import Metadata
    from training.backtest import Backtest


def write(
    path: Path,
    metadata: Metadata,
    *,
    source: str,
    lost: Mapping[Family, tuple[str, ...]],
    goals: Mapping[str, int],
    judged: Backtest | None,
) -> None:
    """Write the card of a model: one file that needs no other, no script and no network.

    Parameters
    ----------
    path : Path
        Where to.
    metadata : Metadata
        What the bundle says of its origin.
    source : str
        Where the data came from, without a password.
    lost : mapping
        Family -> features that were null for want of a table.
    goals : mapping
        Goal -> activations that it learnt from.
    judged : Backtest or None
        Its walk-forward figures; None where there were too few outcomes for any.
    """
    metrics: dict[str, Any] | None = None if judged is None else page.plain(judged.metrics)
    text = (
        page.templates()
        .get_template("card.html.j2")
        .render(
            about=metadata,
            source=source,
            lost=lost,
            goals=goals,
            m=metrics,
            model=MODEL,
            words=words,
            numbers=numbers,
            issues=[] if metrics is None else [one for one in metrics["checks"] if one["outcome"] == "issue"],
            picture=None if metrics is None else plots.reliability(metrics["reliability"][MODEL], metrics["spread"]),
        )
    )
    path.write_text(text, encoding="utf-8")
