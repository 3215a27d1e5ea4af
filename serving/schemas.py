"""What the service is asked and what it answers, as pydantic models: the only place that knows the JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Goal = Literal["awareness", "engagement", "traffic", "signup", "sale"]
Dimension = Literal["country", "age", "gender", "language", "interest", "city"]
Support = Literal["in", "edge", "outside"]
Order = Literal["likelihood", "expected_actions", "value_per_cost"]

MAX_CANDIDATES = 1000
# Reasons cost about a hundred times the prediction.
MAX_REASONED = 100
MAX_TOPICS = 50
MAX_BUCKETS = 200
MAX_TEXT = 10_000
MAX_FEES = 10_000
# Shares that were rounded one by one may add up to a little more than the whole.
MAX_SHARES = 1.05
# Money, counts and days beyond these are mistakes of unit, not wishes.
MAX_MONEY = 1e9
MAX_COUNT = 10**12


def _utc(moment: datetime) -> datetime:
    """Return the moment in UTC; a naive one is taken as UTC, as everywhere in the data contract."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not 2000 <= moment.year < 2100:
        raise ValueError(f"must lie in the years 2000 to 2099, not {moment.year}")
    return moment.astimezone(UTC)


def _shares(buckets: dict[str, float]) -> dict[str, float]:
    total = sum(buckets.values())
    if total > MAX_SHARES:
        raise ValueError(f"the shares of one dimension add up to {total:.4g}, more than 1; give shares, not per cent")
    return buckets


def _lower(name: str) -> str:
    if name != name.lower():
        raise ValueError(f"must be lower case: {name.lower()!r}, not {name!r}")
    return name


def _check_reasons(reasons: bool, rows: int, of: str) -> None:  # noqa: FBT001 - a value, not a switch
    if reasons and rows > MAX_REASONED:
        raise ValueError(f"reasons are given for {MAX_REASONED} accounts at most, not {rows}; lower {of}")


Id = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_lower)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166 alpha-2")]
Language = Annotated[str, Field(pattern="^[a-z]{2}$", description="ISO 639-1")]
Money = Annotated[float, Field(ge=0, le=MAX_MONEY, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
AtLeast = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Moment = Annotated[datetime, AfterValidator(_utc)]
Buckets = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=100)], Share],
    Field(min_length=1, max_length=MAX_BUCKETS),
    AfterValidator(_shares),
]


class Asked(BaseModel):
    """What a caller sends: no type is guessed, no unknown field is passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answered(BaseModel):
    """What a caller receives."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Brief(Asked):
    """One campaign, as the data contract's `campaigns` and `campaign_audience` say it."""

    goal: Goal = Field(description="The action that the campaign wants.")
    vertical: Name = Field(description="The trade of the campaign, for example food.")
    starts_at: Moment = Field(description="When the campaign starts; without a time zone it is taken as UTC.")
    ends_at: Moment | None = None
    brand_id: Id | None = None
    topics: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(None, max_length=MAX_TOPICS)
    brief: str | None = Field(None, max_length=MAX_TEXT, description="The text of the brief.")
    attribution_days: int = Field(30, ge=1, le=365, description="Days after the post in which an action counts.")
    value_per_action: Money | None = Field(None, description="What one action is worth, in the currency of the fees.")
    budget: Money | None = None
    audience: dict[Dimension, Buckets] | None = Field(
        None, description="The audience wanted: shares from 0 to 1 of each bucket, by dimension."
    )

    @model_validator(mode="after")
    def _ends_after_start(self) -> Brief:
        if self.ends_at is not None and self.ends_at < self.starts_at:
            raise ValueError(f"ends_at ({self.ends_at:%Y-%m-%d}) lies before starts_at ({self.starts_at:%Y-%m-%d})")
        return self


class Candidate(Asked):
    """One account under consideration, with what is offered to it."""

    account_id: Id
    fee: Money | None = None
    at_least: AtLeast | None = Field(
        None, description="The number of actions asked for; without it the break-even of the fee, else 1."
    )


class PredictRequest(Asked):
    """A brief and the accounts considered for it."""

    brief: Brief
    candidates: list[Candidate] = Field(min_length=1, max_length=MAX_CANDIDATES)
    reasons: bool = Field(default=False, description="Whether to say what raises and lowers each expectation.")

    @model_validator(mode="after")
    def _few_reasons(self) -> PredictRequest:
        _check_reasons(self.reasons, len(self.candidates), "the number of candidates")
        return self


class Filters(Asked):
    """Which of the known accounts to rank; what is left out does not filter."""

    platforms: list[Name] | None = Field(None, min_length=1, max_length=50)
    countries: list[Country] | None = Field(None, min_length=1, max_length=250)
    languages: list[Language] | None = Field(None, min_length=1, max_length=200)
    min_followers: Count | None = None
    max_followers: Count | None = None
    exclude_accounts: list[Id] = Field([], max_length=MAX_FEES)
    min_likelihood: Share | None = None

    @model_validator(mode="after")
    def _some_followers(self) -> Filters:
        low, high = self.min_followers, self.max_followers
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_followers ({low}) is more than max_followers ({high}): no account can have both")
        return self


class RankRequest(Asked):
    """A brief, for which the best of all known accounts are wanted."""

    brief: Brief
    filters: Filters = Filters()
    at_least: AtLeast | None = Field(None, description="As for a candidate of /v1/predict, for every account.")
    fees: dict[Id, Money] = Field({}, max_length=MAX_FEES, description="Fees by account, where they are known.")
    order_by: Order = Field(
        "likelihood", description="value_per_cost is expected_value / fee; accounts without a fee come last."
    )
    limit: int = Field(20, ge=1, le=MAX_CANDIDATES)
    reasons: bool = False

    @model_validator(mode="after")
    def _can_be_answered(self) -> RankRequest:
        _check_reasons(self.reasons, self.limit, "limit")
        if self.order_by == "value_per_cost" and (self.brief.value_per_action is None or not self.fees):
            raise ValueError("order_by value_per_cost needs brief.value_per_action and fees")
        return self


class Reason(Answered):
    """One feature's part in one expectation."""

    feature: str
    meaning: str
    unit: str
    value: float | str | None
    contribution: float = Field(description="On the natural logarithm of the expected actions.")
    direction: Literal["raises", "lowers"]


class Baselines(Answered):
    """What people look at without a model; null is not measured."""

    followers: float | None
    engagement_rate: float | None
    klout: float | None
    kred: float | None
    peerindex: float | None


def _absent(value: Any) -> bool:
    return value is None


class Prediction(Answered):
    """How likely one account is to bring at least so many actions, and how many to expect."""

    account_id: str
    at_least: int
    likelihood: float = Field(description="Probability of at least `at_least` actions.")
    expected_actions: float
    actions_low: int = Field(description="Lower end of the 90 % interval.")
    actions_high: int = Field(description="Upper end of the 90 % interval.")
    expected_value: float | None = Field(description="expected_actions * value_per_action; null where that is unknown.")
    support: Support = Field(description="Whether accounts like this one were hired for briefs like this one before.")
    own_record_weight: float | None = Field(
        description="How much the account's own outcomes count in its track record against the average; 0: it has none."
    )
    baselines: Baselines
    reasons: list[Reason] | None = Field(None, exclude_if=_absent, description="Only where they were asked for.")


class PredictResponse(Answered):
    """Predictions in the order of the candidates."""

    model_version: str
    features_as_of: datetime
    predictions: list[Prediction]
    unknown_accounts: list[str] = Field(description="Candidates that the data do not know; they have no prediction.")


class RankResponse(Answered):
    """The best accounts, best first."""

    model_version: str
    features_as_of: datetime
    considered: int = Field(description="Accounts that were scored.")
    matching: int = Field(description="Accounts that kept all filters.")
    predictions: list[Prediction]


class ModelResponse(Answered):
    """What answers: the model, its origin, and the data it looks at."""

    model_version: str
    features_as_of: datetime
    accounts: int
    data_fingerprint: str
    features: int
    training: dict[str, Any] = Field(description="What the bundle records of its own training.")


class FieldError(Answered):
    """One thing that is wrong with a request."""

    at: str = Field(description="JSON pointer (RFC 6901) into the body.")
    code: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="Stable name of the problem, for programs.")
    detail: str
    errors: list[FieldError] | None = Field(None, exclude_if=_absent)
