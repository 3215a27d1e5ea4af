"""`impel monitor`: quiet where nothing changed, and each check speaks up about what it is there for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from features.errors import DataError
from serving.log_folder import LogFolder
from serving.prediction_log import table_of
from serving.reference import Binned, Reference
from serving.schemas.requests import Outcome
from tests.models import made_features
from tests.serving.test_prediction_log import MOMENT, answered, log_in, table, values
from training.monitor import Thresholds, monitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from serving.prediction_log import Answered

BRIEFS, EACH = 30, 20
REFERENCE = Reference.learn(made_features(2000, seed=1), likelihoods=np.random.default_rng(0).random(2000))


def asked(number: int, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda X: X) -> Answered:
    one = answered(EACH, seed=number + 100, campaign_id=f"c{number}")
    accounts = [f"a{number}-{place}" for place in range(EACH)]
    return replace(
        one,
        accounts=accounts,
        features=lambda: values(change(table(one.known))),
        answered_at=MOMENT + timedelta(days=1),
    )


def written(folder: Path, answers: list[Answered], *, reference: Reference | None = REFERENCE) -> Path:
    log = log_in(folder)
    for one in answers:
        log.add(table_of([one]))
    if reference is not None:
        log.keep_reference(answers[0].model_version, reference)
    log.close()
    return folder


def reported(folder: Path, answers: list[Answered], *, power: float = 1.0, times: float = 1.0) -> None:
    """Report outcomes that reach what was asked for as often as the likelihoods, to a power, say."""
    random = np.random.default_rng(5)
    found = []
    for one in answers:
        reached = random.random(EACH) < one.scores["likelihood"] ** power
        for account, came in zip(one.accounts, reached.tolist(), strict=True):
            found.append(
                Outcome(
                    campaign_id=str(one.brief.campaign_id),
                    account_id=account,
                    decided_at=MOMENT + timedelta(days=2),
                    closed_at=MOMENT + timedelta(days=40),
                    actions=int(5 * times) if came else 0,
                )
            )
    LogFolder(folder).outcomes().report(found)


def issues(folder: Path, **limits: float) -> set[str]:
    return {one.code for one in monitor(folder, thresholds=Thresholds(**limits)).crossed}


def test_nothing_is_said_where_nothing_changed(tmp_path: Path) -> None:
    answers = [asked(number) for number in range(BRIEFS)]
    reported(written(tmp_path / "log", answers), answers)
    found = monitor(tmp_path / "log")
    assert {one.code: one.outcome for one in found.findings} == {f"IMP{code}": "passed" for code in range(101, 110)}
    assert found.figures["log"]["joined"] == BRIEFS * EACH
    assert found.figures["calibration"]["reached"] == pytest.approx(0.5, abs=0.06)


def _shifted(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(klout_score=X["klout_score"] * 0.5)


def _hidden(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(engagement_rate_median_90d=X["engagement_rate_median_90d"].where(X.index % 2 == 0))


def _renamed(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(vertical=X["vertical"].replace("food", "Food & drink"))


CHANGES: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    ("IMP102", _shifted, "klout_score"),
    ("IMP103", _hidden, "engagement_rate_median_90d from 9% to"),
    ("IMP104", _renamed, "vertical of"),
]


@pytest.mark.parametrize(("code", "change", "said"), CHANGES, ids=[code for code, *_ in CHANGES])
def test_what_changed_is_named(
    code: str, change: Callable[[pd.DataFrame], pd.DataFrame], said: str, tmp_path: Path
) -> None:
    written(tmp_path / "log", [asked(number, change) for number in range(BRIEFS)])
    found = monitor(tmp_path / "log").crossed
    assert code in {one.code for one in found}
    assert {one.code for one in found} <= {code, "IMP102"}, "what is unknown has moved too"
    (finding,) = (one for one in found if one.code == code)
    assert said in finding.said
    assert finding.to_do


def _scored(**scores: Any) -> list[Answered]:
    answers = [asked(number) for number in range(BRIEFS)]
    return [replace(one, scores={**one.scores, **scores}) for one in answers]


def test_support_and_likelihoods_that_moved(tmp_path: Path) -> None:
    support = np.where(np.arange(EACH) % 3 == 0, "outside", "in")
    assert issues(written(tmp_path / "outside", _scored(support=support))) == {"IMP105"}
    assert issues(tmp_path / "outside", outside=0.5) == set()
    assert issues(written(tmp_path / "low", _scored(likelihood=np.linspace(0.01, 0.3, EACH)))) == {"IMP106"}


def test_likelihoods_and_intervals_that_were_not_kept(tmp_path: Path) -> None:
    answers = [asked(number) for number in range(BRIEFS)]
    reported(written(tmp_path / "fewer", answers), answers, power=3)
    assert issues(tmp_path / "fewer") == {"IMP107"}
    assert issues(tmp_path / "fewer", calibration=0.5) == set()
    reported(written(tmp_path / "more", answers), answers, times=100)
    assert issues(tmp_path / "more") == {"IMP108"}


def test_what_was_dropped_and_what_is_old(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log", most_waiting=EACH * BRIEFS // 2, part_rows=10**9)
    answers = [replace(asked(number), answered_at=MOMENT + timedelta(days=9)) for number in range(BRIEFS)]
    for one in answers:
        log.add(table_of([one]))
    log.keep_reference(answers[0].model_version, REFERENCE)
    log.close()
    found = monitor(tmp_path / "log")
    assert (found.figures["log"]["logged"], found.figures["log"]["dropped"]) == (300, 300)
    assert {one.code for one in found.crossed} == {"IMP101", "IMP109"}


def test_too_little_is_not_judged(tmp_path: Path) -> None:
    answers = [asked(0, _shifted), asked(1, _hidden)]
    reported(written(tmp_path / "log", answers), answers)
    found = {one.code: one for one in monitor(tmp_path / "log").findings}
    for code in ("IMP102", "IMP103", "IMP106", "IMP107", "IMP108"):
        assert found[code].outcome == "not applicable", code
    assert "40 outcomes of 2 campaigns have come in" in found["IMP107"].said
    written(tmp_path / "bare", [asked(number, _shifted) for number in range(BRIEFS)], reference=None)
    bare = {one.code: one for one in monitor(tmp_path / "bare").findings}
    assert "train it anew" in bare["IMP102"].said
    assert bare["IMP105"].outcome == "passed", "what needs no reference is judged"


def test_a_prediction_that_knew_more_than_the_decision_is_no_forecast(tmp_path: Path) -> None:
    answers = [replace(asked(number), decided_at=MOMENT + timedelta(days=3)) for number in range(BRIEFS)]
    reported(written(tmp_path / "log", answers), answers)
    assert monitor(tmp_path / "log").figures["log"]["joined"] == 0


def test_who_asks_again_counts_once_and_other_models_do_not(tmp_path: Path) -> None:
    again = [asked(number) for number in range(BRIEFS)]
    older = [
        replace(one, model_version="demo/0", answered_at=MOMENT, features=partial(values, _shifted(table(one.known))))
        for one in again
    ]
    found = monitor(written(tmp_path / "log", [*older, *again, *again]))
    assert found.figures["log"]["compared"] == BRIEFS * EACH
    assert found.figures["log"]["predictions"] == 2 * BRIEFS * EACH
    assert found.figures["log"]["models"] == {"demo/1": 1200, "demo/0": 600}
    assert found.crossed == ()


def test_what_is_asked_about_may_be_compared_with_what_was(tmp_path: Path) -> None:
    def at(days: int, change: Callable[[pd.DataFrame], pd.DataFrame]) -> list[Answered]:
        moved = [asked(number, change) for number in range(BRIEFS)]
        return [replace(one, answered_at=MOMENT + timedelta(days=days)) for one in moved]

    log = written(tmp_path / "log", [*at(1, _shifted), *at(6, _shifted)])
    assert {one.code for one in monitor(log, days=3).crossed} == {"IMP102"}, "other accounts than were hired"
    assert monitor(log, days=3, against="before").crossed == ()
    changed = written(tmp_path / "changed", [*at(1, _shifted), *at(6, _hidden)])
    found = {one.code: one for one in monitor(changed, days=3, against="before").crossed}
    assert set(found) == {"IMP102", "IMP103"}
    assert "2 shifted against the 3 days before" in found["IMP102"].said
    assert "klout_score" in found["IMP102"].said
    with pytest.raises(DataError, match="holds no predictions from"):
        monitor(log, days=30, against="before")


def test_a_log_without_predictions_and_a_damaged_reference(tmp_path: Path) -> None:
    log_in(tmp_path / "log")
    with pytest.raises(DataError, match="holds no predictions yet"):
        monitor(tmp_path / "log")
    written(tmp_path / "log", [asked(0)])
    (reference,) = (tmp_path / "log" / "models").iterdir()
    reference.write_text("{}")
    with pytest.raises(DataError, match="cannot be read"):
        monitor(tmp_path / "log")
    assert len(LogFolder(tmp_path / "log").parts()) == 1


def test_values_on_an_edge_stay_on_their_side_as_float32() -> None:
    values = np.random.default_rng(0).integers(0, 50, 5000) / 10  # 0.1 is no float32
    binned = Binned.of(np.append(values, [np.nan, np.inf]))
    assert sum(binned.counts) == 5002
    assert binned.counts[-1] == 2
    for kind in (np.float32, np.float64):
        place = binned.place(values.astype(kind))
        assert np.bincount(place, minlength=len(binned.counts)).tolist() == [*binned.counts[:-1], 0]
    assert Binned.model_validate_json(binned.model_dump_json()) == binned
