"""The model card that training writes beside a bundle."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from serving.spec import Metadata
from tests.training.test_report import sample, usual  # noqa: F401 - fixtures
from training.policies import MODEL
from training.report import card, numbers

if TYPE_CHECKING:
    from pathlib import Path

    from training.backtest import Backtest

ABOUT = Metadata(
    name="impel-<b>1</b>",
    trained_from=datetime(2024, 1, 2, tzinfo=UTC),
    trained_until=datetime(2025, 3, 4, tzinfo=UTC),
    activations=1234,
    data_fingerprint="f" * 64,
)


def written(path: Path, judged: Backtest | None) -> str:
    card.write(
        path,
        ABOUT,
        source="market",
        lost={"audience fit": ("a", "b")},
        goals={"sale": 1000, "signup": 234},
        judged=judged,
    )
    return path.read_text(encoding="utf-8")


def test_it_says_what_was_learnt_and_how_good_it_is(tmp_path: Path, usual: Backtest) -> None:  # noqa: F811
    page = written(tmp_path / "card.html", usual)
    figures = usual.metrics["likelihood"][MODEL]
    for said in (
        "1,234",
        "2024-01-02 to 2025-03-04",
        "2 features of the family audience fit",
        numbers.figure(figures["auc"]["value"]),
        numbers.figure(figures["log_loss"]["value"]),
        numbers.figure(figures["calibration_error"]["value"]),
        *(one["code"] for one in usual.metrics["checks"] if one["outcome"] == "issue"),
    ):
        assert said in page
    assert "<b>1</b>" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page)


def test_without_figures_it_says_that_nothing_is_known(tmp_path: Path) -> None:
    page = written(tmp_path / "card.html", None)
    assert "nothing is known about how good it is" in page
    assert "AUC" not in page
