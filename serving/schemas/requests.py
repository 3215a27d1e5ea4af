"""What the service is asked, and the types that its fields are of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Goal = Literal["awareness", "engagement", "traffic", "signup", "sale"]
Dimension = Literal["country", "age", "gender", "language", "interest", "city"]
Order = Literal["likelihood", "expected_actions", "expected_value", "value_per_cost"]

MAX_CANDIDATES = 1000
MAX_OUTCOMES = 1000
# Reasons cost several times the prediction, and explanations predict anew.
MAX_REASONED = 100
MAX_EXPLAINED = 20
MAX_TOPICS = 50
MAX_BUCKETS = 200
MAX_TEXT = 10_000
MAX_FEES = 10_000
MAX_CURSOR = 2_000
MAX_SEARCH = 200
MAX_CAMPAIGNS = 200
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


def _printable(name: str) -> str:
    if name != name.strip() or not name.isprintable():
        raise ValueError("must have no spaces around it and no line breaks or control characters")
    return name


def _check_reasons(reasons: bool, rows: int, of: str) -> None:  # noqa: FBT001 - a value, not a switch
    if reasons and rows > MAX_REASONED:
        raise ValueError(f"reasons are given for {MAX_REASONED} accounts at most, not {rows}; lower {of}")


Id = Annotated[str, Field(min_length=1, max_length=200)]
Key = Annotated[Id, AfterValidator(_printable)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra={"pattern": "^[^A-Z]*$"}, description="In lower case."),
    AfterValidator(_lower),
]
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


class Brief(Asked):
    """One campaign, as the data contract's `campaigns` and `campaign_audience` say it."""

    campaign_id: Key | None = Field(
        None, description="Your name of the campaign; outcomes reported under it are joined with this prediction."
    )
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
    reasons: bool = Field(default=False, description="Whether to say what raises and lowers each likelihood.")

    @model_validator(mode="after")
    def _few_reasons(self) -> PredictRequest:
        _check_reasons(self.reasons, len(self.candidates), "the number of candidates")
        return self


class ExplainRequest(Asked):
    """A brief and the few accounts whose predictions are to be explained."""

    brief: Brief
    candidates: list[Candidate] = Field(min_length=1, max_length=MAX_EXPLAINED)


class CampaignsRequest(BaseModel):
    """Which campaigns of the data are wanted: the query of an address, whose values are texts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    search: str = Field(
        "", max_length=MAX_SEARCH, description="Text within id, brand, vertical or brief, in upper or lower case."
    )
    limit: int = Field(50, ge=1, le=MAX_CAMPAIGNS, description="So many campaigns at most.")


class Filters(Asked):
    """Which of the known accounts to rank; what is left out does not filter."""

    platforms: list[Name] | None = Field(None, min_length=1, max_length=50)
    countries: list[Country] | None = Field(None, min_length=1, max_length=250)
    languages: list[Language] | None = Field(None, min_length=1, max_length=200)
    min_followers: Count | None = None
    max_followers: Count | None = None
    verticals: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="Accounts that in 180 days posted on a topic that campaigns of one of these verticals asked for.",
    )
    max_fee: Money | None = Field(None, description="By `fees`; accounts whose fee is not given are left out.")
    max_fake_share: Share | None = Field(None, description="Most that may be fake of the followers, as estimated.")
    exclude_accounts: list[Id] = Field([], max_length=MAX_FEES)
    min_likelihood: Share | None = Field(None, description="Of `at_least` actions.")

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
    limit: int = Field(20, ge=1, le=MAX_CANDIDATES, description="So many accounts make a page.")
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_CURSOR,
        description="`next_cursor` of the page before, with all else as it was; without it the first page.",
    )
    reasons: bool = False

    @model_validator(mode="after")
    def _can_be_answered(self) -> RankRequest:
        _check_reasons(self.reasons, self.limit, "limit")
        if self.order_by == "value_per_cost" and (self.brief.value_per_action is None or not self.fees):
            raise ValueError("order_by value_per_cost needs brief.value_per_action and fees")
        if self.order_by == "expected_value" and self.brief.value_per_action is None:
            raise ValueError("order_by expected_value needs brief.value_per_action")
        if self.filters.max_fee is not None and not self.fees:
            raise ValueError("filters.max_fee needs fees")
        return self


class Outcome(Asked):
    """What came of one activation: a row of the data contract's `outcomes`."""

    campaign_id: Key
    account_id: Key
    decided_at: Moment
    posted_at: Moment | None = Field(None, description="null: paid, and never posted.")
    fee: Money | None = None
    impressions: Count | None = None
    clicks: Count | None = None
    actions: Count = Field(description="The campaign's target actions; 0 where it was never posted.")
    closed_at: Moment = Field(description="When counting ended. A correction is an outcome that closed later.")
    propensity: float | None = Field(
        None, gt=0, le=1, allow_inf_nan=False, description="The probability with which the account was chosen."
    )
    incremental_actions: float | None = Field(
        None, ge=-MAX_COUNT, le=MAX_COUNT, description="Out of a holdout, where one was run."
    )
    request_id: Id | None = Field(
        None, description="Of the answer that was followed, where its brief named no campaign_id."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Outcome:
        if self.closed_at < self.decided_at:
            raise ValueError(
                f"closed_at ({self.closed_at:%Y-%m-%d}) lies before decided_at ({self.decided_at:%Y-%m-%d})"
            )
        return self


class OutcomesRequest(Asked):
    """What happened: outcomes that are complete."""

    outcomes: list[Outcome] = Field(min_length=1, max_length=MAX_OUTCOMES)
