"""Tuning: on earlier folds only, resumable, and honest about what it brought."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from optuna.trial import TrialState

from features.errors import DataError, SettingError
from features.progress import quiet
from tests.told import Told
from tests.training.backtest_cases import Market, market
from training.bootstrap import Estimate
from training.tune import _study, losses, split, tune
from training.tuned import Tuned

if TYPE_CHECKING:
    from pathlib import Path

    from features.progress import Progress


@pytest.fixture(scope="module")
def small() -> Market:
    return market(campaigns=50, accounts=30, hired=6, seed=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuning")


def run(given: Market, storage: Path, *, trials: int, progress: Progress = quiet) -> Tuned:
    return tune(given.X, given.activations, storage=storage, trials=trials, progress=progress)


@pytest.fixture(scope="module")
def first(small: Market, folder: Path) -> Tuned:
    return run(small, folder / "study.db", trials=3)


def trials(storage: Path) -> list[Any]:
    return _study(storage, name="tune", seed=0).get_trials()


def test_the_last_part_is_never_tuned_on(small: Market) -> None:
    rows, part = small.activations, split(small.activations)
    known, last = part.held_out
    start = rows["decided_at"].iloc[last].min()
    assert len(last) >= 0.15 * len(rows)
    assert (rows["closed_at"].iloc[known] <= start).all()
    for train, test in part.folds:
        assert set(train) | set(test) <= set(known)
        assert (rows["closed_at"].iloc[train] <= rows["decided_at"].iloc[test].min()).all()
        assert not set(rows["campaign_id"].iloc[test]) & set(rows["campaign_id"].iloc[last])


def test_the_defaults_are_tried_first_and_figures_are_those_of_the_trials(
    small: Market, first: Tuned, folder: Path
) -> None:
    found = trials(folder / "study.db")
    assert first.tried == len(found) == 3
    assert found[0].params == pytest.approx(
        {"learning_rate": 0.05, "leaves": 8, "min_rows": 20, "feature_share": 0.5, "shrinkage": 1.0, "recency": 0.7}
    )
    values = [trial.value for trial in found]
    assert first.tuning_loss == {"default": values[0], "best": min(values)}
    asked = np.ceil(np.maximum(small.activations["fee"] / small.activations["value_per_action"], 1)).to_numpy()
    part = split(small.activations)
    by_fold = [losses({}, small.activations, small.X, fold, asked) for fold in part.folds]
    assert np.concatenate(by_fold).mean() == pytest.approx(values[0])
    held_out = losses(first.settings, small.activations, small.X, part.held_out, asked)
    assert first.loss["best"].value == pytest.approx(held_out.mean())
    assert first.log_loss["best"].value == pytest.approx(held_out[:, 0].mean())


@pytest.mark.usefixtures("first")
def test_another_run_goes_on_where_the_first_stopped(small: Market, first: Tuned, folder: Path) -> None:
    before = trials(folder / "study.db")
    told = Told()
    again = run(small, folder / "study.db", trials=3, progress=told)
    assert told.steps == ["the best and the defaults on the part held out"]
    assert again.facts() == first.facts()
    more = run(small, folder / "study.db", trials=4, progress=(told := Told()))
    assert more.tried == 4
    assert told.steps[0].startswith("settings 4 of 4, fold 1 of 3; least loss so far 0.")
    after = trials(folder / "study.db")
    assert [trial.params for trial in after[:3]] == [trial.params for trial in before]
    assert after[3].params not in [trial.params for trial in before]  # it does not draw what was drawn


def test_stopping_loses_nothing_but_what_was_being_tried(small: Market, folder: Path) -> None:
    def stop(told: str, _share: float | None = None, /) -> None:
        if told.startswith("settings 2 of 2, fold 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, folder / "stopped.db", trials=2, progress=stop)
    assert [trial.state for trial in trials(folder / "stopped.db")] == [TrialState.COMPLETE, TrialState.FAIL]
    found = run(small, folder / "stopped.db", trials=2)
    assert found.tried == 2
    assert [trial.state for trial in trials(folder / "stopped.db")][2:] == [TrialState.COMPLETE]


def test_however_short_the_time_the_defaults_are_tried(small: Market, folder: Path) -> None:
    found = tune(
        small.X, small.activations, storage=folder / "short.db", trials=3, timeout=1e-9, progress=(told := Told())
    )
    assert found.tried == 1
    assert found.settings == {}
    assert not [step for step in told.steps if step.startswith("settings 2")]


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, np.linspace(low, high, 1001))


@pytest.mark.parametrize(
    ("low", "high", "beyond_noise", "said"),
    [
        (0.001, 0.03, True, "That is more than noise: train with these settings."),
        (-0.01, 0.03, False, "Tuning brought nothing beyond noise: keep the defaults."),
        (-0.03, -0.01, False, "Tuning brought nothing beyond noise: keep the defaults."),
        (np.nan, np.nan, False, "Tuning brought nothing beyond noise: keep the defaults."),
    ],
)
def test_it_says_whether_it_brought_anything(low: float, high: float, beyond_noise: bool, said: str) -> None:  # noqa: FBT001
    figures = {
        "default": estimate(0.31, 0.3, 0.32),
        "best": estimate(0.3, 0.29, 0.31),
        "ahead": estimate(0.01, low, high),
    }
    found = Tuned({"leaves": 5}, 9, 4, {"default": 0.3, "best": 0.29}, 100, 12, figures, figures)
    assert found.beyond_noise == beyond_noise
    assert found.sentences()[-1] == said
    assert found.facts()["beyond_noise"] == beyond_noise
    text = "\n".join(found.sentences())
    for part in ("9 settings tried, 4 of them given up early", "leaves 5", "100 activations of 12 later campaigns"):
        assert part in text


def test_defaults_that_nothing_beats_are_kept() -> None:
    figures = {"default": estimate(0.3, 0.3, 0.3), "best": estimate(0.3, 0.3, 0.3), "ahead": estimate(0.0, 0.0, 0.0)}
    found = Tuned({}, 9, 4, {"default": 0.3, "best": 0.3}, 100, 12, figures, figures)
    assert not found.beyond_noise
    assert found.sentences()[-1] == "Tuning brought nothing: keep the defaults."
    assert json.loads(json.dumps(found.facts()))["settings"] == {}


def test_what_cannot_be_tuned_is_said(small: Market, folder: Path) -> None:
    few = small.activations.iloc[:100]
    with pytest.raises(DataError, match="100 activations are too few to tune on"):
        tune(small.X.iloc[:100], few, storage=folder / "few.db", trials=2)
    for wrong in ({"trials": 0}, {"trials": 2, "at_least": 0}):
        with pytest.raises(SettingError, match="must be 1 or more, got 0"):
            tune(small.X, small.activations, storage=folder / "few.db", **wrong)
    (folder / "broken.db").write_text("this is no database, and long enough to be none of SQLite's" * 20)
    with pytest.raises(SettingError, match=r"broken.db cannot be used .*; remove it to start anew"):
        run(small, folder / "broken.db", trials=1)
