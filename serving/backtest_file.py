"""What a backtest found, as people look at it in the console: read out of the metrics.json of `impel backtest`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import DataError, SettingError
from serving import backtest
from serving.schemas.requests import Moment

if TYPE_CHECKING:
    from pathlib import Path

METRICS = "metrics.json"
MAX_BYTES = 20_000_000
"""A file that is larger is none that a backtest wrote: it holds some hundred figures."""
_MODEL = "model"
_AGAIN = "make it anew with: impel backtest DATA --out DIR"


class _Part(BaseModel):
    """Part of metrics.json; what else stands there is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


_Text = Annotated[str, Field(max_length=5_000)]
_Few = Field(max_length=100)


class _Estimate(_Part):
    value: float | None
    low: float | None
    high: float | None


class _Bin(_Part):
    rows: int
    likelihood: float
    observed: float
    low: float
    high: float


class _Policy(_Part):
    name: _Text
    label: _Text


class _Data(_Part):
    tested: int
    campaigns: int
    accounts: int
    reached_share: float


class _Settings(_Part):
    confidence: float
    interval: float


class _Metadata(_Part):
    made_at: datetime | None = None
    data_fingerprint: _Text | None = None


class _Fold(_Part):
    test_from: Moment
    test_to: Moment


class _Error(_Part):
    value: float | None
    by_chance: float | None = None


class _Likelihood(_Part):
    score_auc: _Estimate | None = None
    log_loss: _Estimate | None = None
    calibration_error: _Error | None = None


class _Forecast(_Part):
    goal: _Text
    interval_coverage: _Estimate
    expected_to_actual: _Estimate | None = None


class _Slice(_Part):
    by: _Text
    slice: _Text
    rows: int
    campaigns: int
    reached_share: float
    not_enough: _Text | None = None
    score_auc: dict[_Text, _Estimate] = {}
    log_loss: _Estimate | None = None
    calibration_error: float | None = None
    interval_coverage: _Estimate | None = None
    reliability: Annotated[list[_Bin], _Few] = []


class _Bought(_Part):
    value: _Estimate
    model_ahead: _Estimate | None = None


class _Spend(_Part):
    campaigns: int
    fees: float = 0.0
    hired: _Bought | None = None
    policies: Annotated[dict[_Text, _Bought], _Few]


class _Roster(_Part):
    value: _Estimate
    net_value: _Estimate
    against_hired: _Estimate
    model_ahead: _Estimate | None = None


class _Earned(_Part):
    why_not: _Text | None
    doubly_robust: _Roster | None = None


class _Came(_Part):
    value: float
    net_value: float


class _OffPolicy(_Part):
    why_not: _Text | None
    spend: Literal["fees", "hires"] | None = None
    campaigns: int = 0
    budget: float | None = None
    hired: _Came | None = None
    policies: Annotated[dict[_Text, _Earned], _Few]


class _Check(_Part):
    code: _Text
    title: _Text
    severity: Literal["high", "medium", "low"]
    outcome: Literal["issue", "passed", "not applicable"]
    said: _Text
    to_do: _Text


class _Metrics(_Part):
    data: _Data
    settings: _Settings
    metadata: _Metadata
    folds: Annotated[list[_Fold], Field(min_length=1, max_length=1_000)]
    policies: Annotated[list[_Policy], _Few]
    likelihood: Annotated[dict[_Text, _Likelihood], _Few]
    reliability: Annotated[dict[_Text, Annotated[list[_Bin], _Few]], _Few]
    forecast: Annotated[list[_Forecast], _Few]
    spend: _Spend
    slices: Annotated[list[_Slice], Field(max_length=1_000)]
    off_policy: _OffPolicy
    checks: Annotated[list[_Check], _Few]


def read(folder: Path) -> backtest.BacktestResponse:
    """Read what a backtest found.

    Parameters
    ----------
    folder : Path
        That `impel backtest` wrote.

    Raises
    ------
    SettingError
        Where there is no backtest.
    DataError
        Where metrics.json is damaged, or of another version of Impel.
    """
    path = folder / METRICS
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        raise SettingError(
            f"There is no backtest in {folder}: it has no {METRICS}; make one with: impel backtest DATA --out {folder}"
        ) from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES:,} bytes and is none of a backtest; {_AGAIN}")
    try:
        found = _Metrics.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        said = f"{place}: {first['msg']}" if place else first["msg"]
        raise DataError(f"{path} is damaged or of another version of Impel ({said}); {_AGAIN}") from None
    return _answer(found)


def _answer(found: _Metrics) -> backtest.BacktestResponse:
    labels = {policy.name: policy.label for policy in found.policies}
    model = found.likelihood.get(_MODEL, _Likelihood())
    error = model.calibration_error or _Error(value=None)
    forecasts = {one.goal: one for one in found.forecast}
    everything = forecasts.get("all")
    return backtest.BacktestResponse(
        made_at=found.metadata.made_at,
        data_fingerprint=found.metadata.data_fingerprint,
        tested_from=found.folds[0].test_from,
        tested_until=found.folds[-1].test_to,
        activations=found.data.tested,
        campaigns=found.data.campaigns,
        accounts=found.data.accounts,
        reached_share=found.data.reached_share,
        confidence=found.settings.confidence,
        interval=found.settings.interval,
        money_hired=_among_hired(found.spend, labels),
        money_all=_among_all(found.off_policy, labels),
        rules=[
            backtest.JudgedRule(
                name=name, label=labels[name], auc=_estimate(one.score_auc), log_loss=_estimate(one.log_loss)
            )
            for name, one in _model_first(found.likelihood, labels)
        ],
        reliability=_points(found.reliability.get(_MODEL, [])),
        calibration_error=error.value,
        calibration_error_by_chance=error.by_chance,
        interval_coverage=_estimate(None if everything is None else everything.interval_coverage),
        goals=[_goal(one, forecasts.get(one.slice)) for one in found.slices if one.by == "goal"],
        checks=[backtest.CheckFinding(**one.model_dump()) for one in found.checks],
    )


def _among_hired(found: _Spend, labels: dict[str, str]) -> backtest.EqualSpend:
    def rule(name: str, one: _Bought) -> backtest.RuleValue:
        net = _Estimate(**{end: _less(value, found.fees) for end, value in one.value.model_dump().items()})
        return _rule(name, labels, value=one.value, net_value=net, model_ahead=one.model_ahead)

    why_not = None if found.policies else "no campaign has several activations whose values and fees are all known"
    return backtest.EqualSpend(
        why_not=why_not,
        campaigns=found.campaigns,
        spent=found.fees if found.policies else None,
        hired=None if found.hired is None else rule("hired", found.hired),
        rules=[rule(name, one) for name, one in _model_first(found.policies, labels)],
    )


def _among_all(found: _OffPolicy, labels: dict[str, str]) -> backtest.EqualSpend:
    told = {name: one.doubly_robust for name, one in found.policies.items()}
    paid = found.spend == "fees"  # else each rule hires as many, and there is nothing to take off the value
    hired, model = None, told.get(_MODEL)
    if found.hired is not None:
        value, net = (_Estimate(value=came, low=None, high=None) for came in (found.hired.value, found.hired.net_value))
        ahead = None if model is None else model.against_hired
        hired = _rule("hired", labels, value=value, net_value=net if paid else None, model_ahead=ahead)
    rules = [
        _rule(name, labels, why_not=one.why_not)
        if (of := told[name]) is None
        else _rule(name, labels, value=of.value, net_value=of.net_value if paid else None, model_ahead=of.model_ahead)
        for name, one in _model_first(found.policies, labels)
    ]
    return backtest.EqualSpend(
        why_not=found.why_not,
        campaigns=found.campaigns,
        spent=found.budget if paid else None,
        hired=hired,
        rules=rules,
    )


def _rule(
    name: str,
    labels: dict[str, str],
    *,
    value: _Estimate | None = None,
    net_value: _Estimate | None = None,
    model_ahead: _Estimate | None = None,
    why_not: str | None = None,
) -> backtest.RuleValue:
    return backtest.RuleValue(
        name=name,
        label=labels.get(name, "those who were hired"),
        value=_estimate(value),
        net_value=_estimate(net_value),
        model_ahead=_estimate(model_ahead),
        why_not=why_not,
    )


def _goal(found: _Slice, forecast: _Forecast | None) -> backtest.GoalFigures:
    return backtest.GoalFigures(
        goal=found.slice,
        activations=found.rows,
        campaigns=found.campaigns,
        reached_share=found.reached_share,
        auc=_estimate(found.score_auc.get(_MODEL)),
        log_loss=_estimate(found.log_loss),
        calibration_error=found.calibration_error,
        interval_coverage=_estimate(found.interval_coverage),
        expected_to_actual=_estimate(None if forecast is None else forecast.expected_to_actual),
        reliability=_points(found.reliability),
        why_not=found.not_enough,
    )


def _points(bins: list[_Bin]) -> list[backtest.ReliabilityPoint]:
    return [
        backtest.ReliabilityPoint(
            predicted=each.likelihood, observed=each.observed, count=each.rows, low=each.low, high=each.high
        )
        for each in bins
    ]


def _model_first(found: dict[str, Any], labels: dict[str, str]) -> list[tuple[str, Any]]:
    """Return what is said of rules that have a label, the model's first."""
    return sorted(((name, one) for name, one in found.items() if name in labels), key=lambda each: each[0] != _MODEL)


def _estimate(found: _Estimate | None) -> backtest.Estimate | None:
    return None if found is None else backtest.Estimate(**found.model_dump())


def _less(value: float | None, fees: float) -> float | None:
    return None if value is None else value - fees
