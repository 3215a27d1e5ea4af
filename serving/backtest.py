"""What /v1/backtest answers, as pydantic models; `serving.backtest_file` makes it of what `impel backtest` wrote."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it
from typing import Literal

from pydantic import Field

from serving.schemas.responses import Answered


class Estimate(Answered):
    """A figure and its interval; null is not known, and ends are null where there are too few campaigns for any."""

    value: float | None
    low: float | None
    high: float | None


class RuleValue(Answered):
    """What one way of choosing accounts would have brought for the same money."""

    name: str
    label: str = Field(description="For readers.")
    value: Estimate | None
    net_value: Estimate | None = Field(description="Value less fees; null where fees are not known.")
    model_ahead: Estimate | None = Field(description="How much more the model would have brought; null for itself.")
    why_not: str | None = Field(description="Why nothing can be told of this rule, and figures are null.")


class EqualSpend(Answered):
    """What the model and the usual rules would have brought at equal spend."""

    why_not: str | None = Field(description="Why nothing can be told, and no rule is listed; null where something can.")
    campaigns: int = Field(description="Campaigns whose money is known.")
    spent: float | None = Field(description="What each rule spends; null where fees are not known.")
    hired: RuleValue | None = Field(description="What those who were hired brought for as much.")
    rules: list[RuleValue] = Field(description="The model's first, then the usual ones.")


class ReliabilityPoint(Answered):
    """Likelihoods of about one size, and what happened."""

    predicted: float = Field(description="Mean of the likelihoods.")
    observed: float = Field(description="Share that brought as many actions.")
    count: int
    low: float = Field(description="Lower end of the 95 % interval of the share.")
    high: float = Field(description="Upper end of the 95 % interval of the share.")


class JudgedRule(Answered):
    """How well one rule told who would bring enough actions."""

    name: str
    label: str
    auc: Estimate | None = Field(
        description="How often, of one that brought enough and one that did not, its score is higher."
    )
    log_loss: Estimate | None = Field(description="Of the likelihood made of it, in nats.")


class GoalFigures(Answered):
    """The model's figures for the campaigns with one goal."""

    goal: str
    activations: int
    campaigns: int
    reached_share: float = Field(description="Share that brought as many actions as were asked for.")
    auc: Estimate | None
    log_loss: Estimate | None
    calibration_error: float | None = Field(description="Mean distance between likelihood and what happened.")
    interval_coverage: Estimate | None = Field(description="How often the interval of the actions held them.")
    expected_to_actual: Estimate | None = Field(description="Expected actions of all by those that came.")
    reliability: list[ReliabilityPoint]
    why_not: str | None = Field(description="Why there are too few outcomes for figures.")


class CheckFinding(Answered):
    """What one check of the backtest says."""

    code: str
    title: str
    severity: Literal["high", "medium", "low"]
    outcome: Literal["issue", "passed", "not applicable"]
    said: str
    to_do: str = Field(description="What to do about an issue, else empty.")


class BacktestResponse(Answered):
    """What `impel backtest` found: the model and the usual rules on campaigns that they had not seen."""

    made_at: datetime | None = Field(description="null where the backtest does not record it.")
    data_fingerprint: str | None = Field(description="Of the data; the same as /v1/model's where these answer now.")
    tested_from: datetime = Field(description="The first decision that was tested.")
    tested_until: datetime = Field(description="The last one.")
    activations: int = Field(description="Those tested.")
    campaigns: int
    accounts: int
    reached_share: float = Field(description="Share that brought as many actions as were asked for.")
    confidence: float = Field(description="Of the intervals of figures, such as 0.95.")
    interval: float = Field(description="Of the intervals of actions, such as 0.9.")
    money_hired: EqualSpend = Field(description="Choosing among those hired, with half of each campaign's fees.")
    money_all: EqualSpend = Field(
        description="Choosing among all known accounts, with all of the fees: estimated out of those hired."
    )
    rules: list[JudgedRule] = Field(description="The model's first.")
    reliability: list[ReliabilityPoint] = Field(description="Of the model, lowest likelihoods first.")
    calibration_error: float | None = Field(description="Mean distance between likelihood and what happened.")
    calibration_error_by_chance: float | None = Field(description="What perfect likelihoods would show by chance.")
    interval_coverage: Estimate | None = Field(description="How often the interval of the actions held them.")
    goals: list[GoalFigures] = Field(description="Empty where all campaigns have one goal.")
    checks: list[CheckFinding]
