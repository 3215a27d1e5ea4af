"""A backtest as the service shows it: the figures of metrics.json, and nothing of a file that is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from features.errors import DataError, SettingError
from serving import backtest_file
from tests.training.backtest_cases import market, model
from training.backtest import backtest
from training.policies import MODEL, POLICIES, SIMPLE
from training.report import write

if TYPE_CHECKING:
    from pathlib import Path

    from serving.backtest import BacktestResponse


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = market(seed=1)
    facts = {"families_without": [], "data_fingerprint": "abc", "made_at": "2026-11-27T20:00:00+00:00"}
    found = backtest(sample.X, sample.activations, model=model(), folds=2, accounts=sample, metadata=facts)
    return write(found, tmp_path_factory.mktemp("backtest")).parent


@pytest.fixture(scope="module")
def metrics(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text()))


@pytest.fixture(scope="module")
def found(folder: Path) -> BacktestResponse:
    return backtest_file.read(folder)


def test_it_says_of_what_and_when(found: BacktestResponse, metrics: dict[str, Any]) -> None:
    assert (found.data_fingerprint, found.made_at and found.made_at.isoformat()) == ("abc", "2026-11-27T20:00:00+00:00")
    assert found.activations == metrics["data"]["tested"]
    assert found.tested_from.isoformat().startswith(metrics["folds"][0]["test_from"])
    assert found.tested_until.isoformat().startswith(metrics["folds"][-1]["test_to"])
    assert (found.confidence, found.interval) == (0.95, 0.9)


def test_reliability_adds_up_to_the_calibration_error(found: BacktestResponse, metrics: dict[str, Any]) -> None:
    for points, error, rows in [
        (found.reliability, found.calibration_error, found.activations),
        *((each.reliability, each.calibration_error, each.activations) for each in found.goals),
    ]:
        assert sum(each.count for each in points) == rows
        off = np.average(
            [abs(each.predicted - each.observed) for each in points], weights=[each.count for each in points]
        )
        assert off == pytest.approx(error)
        assert all(each.low <= each.observed <= each.high for each in points)
        assert [each.predicted for each in points] == sorted(each.predicted for each in points)
    assert [each.goal for each in found.goals] == ["sale", "traffic"]
    assert sum(each.activations for each in found.goals) == metrics["data"]["tested"]
    assert all(each.expected_to_actual is not None for each in found.goals)


def test_money_is_compared_at_equal_spend(found: BacktestResponse, metrics: dict[str, Any]) -> None:
    for money in (found.money_hired, found.money_all):
        assert money.rules[0].name == MODEL
        assert {policy.name for policy in SIMPLE} & {each.name for each in money.rules}
        assert money.why_not is None
        assert money.hired is not None
        for rule in [money.hired, *money.rules]:
            assert rule.label == (POLICIES[rule.name].label if rule.name in POLICIES else "those who were hired")
            assert (rule.value is None) == (rule.why_not is not None)
    hired = found.money_hired
    for rule in hired.rules:
        assert rule.value is not None
        assert rule.net_value is not None
        assert np.isclose(rule.net_value.value or 0, (rule.value.value or 0) - (hired.spent or 0))
        if rule.name != MODEL:
            assert rule.model_ahead is not None
            model_value = hired.rules[0].value
            assert model_value is not None
            assert np.isclose(rule.model_ahead.value or 0, (model_value.value or 0) - (rule.value.value or 0))
    assert found.money_all.spent == metrics["off_policy"]["budget"]
    told = {each.name: each for each in found.money_all.rules}
    for name, one in metrics["off_policy"]["policies"].items():
        net = told[name].net_value
        assert (None if net is None else net.model_dump()) == one.get("doubly_robust", {}).get("net_value")


def test_without_fees_there_is_nothing_to_take_off(tmp_path: Path, metrics: dict[str, Any]) -> None:
    unpaid = {**metrics, "off_policy": {**metrics["off_policy"], "spend": "hires"}}
    (tmp_path / "metrics.json").write_text(json.dumps(unpaid))
    money = backtest_file.read(tmp_path).money_all
    assert money.spent is None
    assert money.hired is not None
    assert all(rule.net_value is None for rule in [money.hired, *money.rules])
    assert any(rule.value is not None for rule in money.rules)


def test_checks_are_all_told(found: BacktestResponse, metrics: dict[str, Any]) -> None:
    assert [each.model_dump() for each in found.checks] == metrics["checks"]
    assert len(found.checks) > 10


def test_where_nothing_can_be_told_it_says_why(tmp_path: Path) -> None:
    sample = market(seed=2)
    rows = sample.activations.assign(fee=np.nan, value_per_action=np.nan, goal="sale")
    X = sample.X.assign(goal="sale", fee_log=np.nan)
    write(backtest(X, rows, model=model(), folds=2, at_least=2), tmp_path)
    found = backtest_file.read(tmp_path)
    for money in (found.money_hired, found.money_all):
        assert money.why_not
        assert (money.rules, money.spent) == ([], None)
    assert (found.made_at, found.data_fingerprint, found.goals) == (None, None, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "EOF while parsing"),
        (b"{", "EOF while parsing"),
        (b"\xff", "damaged"),
        (b"[]", "damaged"),
        (b"{}", "data: Field required"),
        (b" " * (backtest_file.MAX_BYTES + 1), "has more than 20,000,000 bytes"),
    ],
    ids=["empty", "cut off", "no text", "a list", "nothing in it", "too large"],
)
def test_a_file_that_is_none_is_refused_in_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(DataError, match=said) as raised:
        backtest_file.read(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "make it anew with: impel backtest" in str(raised.value)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("data", "tested"), "many", "data/tested"),
        (("data", "reached_share"), float("nan"), "data/reached_share"),
        (("folds",), [], "folds"),
        (("checks", 0, "outcome"), "perhaps", "checks/0/outcome"),
        (("checks", 0, "said"), "x" * 5_001, "checks/0/said"),
        (("reliability", "model"), [{}] * 101, "reliability/model"),
        (("spend", "policies", "model", "value"), None, "spend/policies/model/value"),
    ],
)
def test_a_damaged_figure_is_named(
    metrics: dict[str, Any], path: tuple[Any, ...], value: Any, place: str, tmp_path: Path
) -> None:
    changed = json.loads(json.dumps(metrics))
    part = changed
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (tmp_path / "metrics.json").write_text(json.dumps(changed))
    with pytest.raises(DataError, match=f"of another version of Impel \\({place}"):
        backtest_file.read(tmp_path)


def test_a_folder_without_a_backtest_says_how_to_make_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SettingError, match=f"impel backtest DATA --out {folder}$"):
            backtest_file.read(folder)
