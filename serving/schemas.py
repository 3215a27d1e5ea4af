"""What the service is asked and what it answers, as pydantic models: the only place that knows the JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Goal = Literal["awareness", "engagement", "traffic", "signup", "sale"]
Dimension = Literal["country", "age", "gender", "language", "interest", "city"]
Support = Literal["in", "edge", "outside"]
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
MAX_HIRED = 1_000
# Shares that were rounded one by one may add up to a little more than the whole.
MAX_SHARES = 1.05
INCREMENTAL = "What the incremental actions rest on, or why they are null. `actions` are always those attributed."
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


class Answered(BaseModel):
    """What a caller receives."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class OutcomesResponse(Answered):
    """All are stored. Repeated: known with the same values. Corrected: known with others, and closed later now."""

    accepted: int
    repeated: int
    corrected: int


Direction = Literal["raises", "lowers"]
Contribution = Annotated[
    float, Field(description="Added to the likelihood. All contributions add up to likelihood less base_likelihood.")
]


class Reason(Answered):
    """One feature's part in one likelihood."""

    feature: str
    family: str
    meaning: str
    unit: str
    value: float | str | None = Field(description="In `unit`; null is unknown.")
    usual: float | None = Field(description="The median of past activations with accounts of the same size, in `unit`.")
    typical: float | None = Field(description="The median of past activations with the same goal, in `unit`.")
    contribution: Contribution
    direction: Direction
    words: str = Field(description="The value and what it lies beside, as people say it.")


class Family(Answered):
    """What the features of one family add to one likelihood together."""

    family: str
    contribution: Contribution
    direction: Direction
    features: list[Reason] = Field(description="The strongest of the family, strongest first.")


class Counterfactual(Answered):
    """What would be answered if one thing were otherwise; predicted anew, and no promise."""

    change: Literal["fee", "at_least", "platform"]
    before: float | str | None
    after: float | str | None
    account_id: str = Field(description="Whose likelihood it is: on another platform, the influencer's account there.")
    at_least: int
    likelihood: float
    words: str


class Explanation(Answered):
    """Where one likelihood comes from, and what would change it."""

    account_id: str
    at_least: int
    likelihood: float = Field(description="As /v1/predict answers it.")
    base_likelihood: float = Field(
        description="Of as many actions, for a pair whose scores are the average of past activations with this goal."
    )
    families: list[Family] = Field(description="All that have a part in it, strongest first.")
    counterfactuals: list[Counterfactual] = Field(description="The greatest change first.")


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
    expected_incremental_actions: float | None = Field(
        description="Of the expected actions, those that would not have come anyway; null where no holdout measured it."
    )
    incremental_low: int | None = Field(description="Lower end of the 90 % interval of the incremental actions.")
    incremental_high: int | None = Field(description="Upper end of the 90 % interval of the incremental actions.")
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
    request_id: str | None = Field(
        None, exclude_if=_absent, description="Names this answer in the log; only where predictions are logged."
    )
    incremental: str = Field(description=INCREMENTAL)
    predictions: list[Prediction]
    unknown_accounts: list[str] = Field(description="Candidates that the data do not know; they have no prediction.")


class AccountSummary(Answered):
    """What a list of accounts shows of each; null is not known."""

    influencer_id: str
    platform: str
    country: str | None
    language: str | None
    fake_share: float | None = Field(description="Of the followers.")
    fake_share_low: float | None = Field(description="Lower end of its 90 % interval.")
    fake_share_high: float | None = Field(description="Upper end of its 90 % interval.")


class RankedPrediction(Prediction):
    """A prediction with what tells the account from others."""

    fee: float | None = Field(description="Of the request's `fees`.")
    account: AccountSummary


class ScoreResponse(Answered):
    """Predictions for the accounts of an influencer whom the data do not know, in the order asked.

    Social scores are null: they rank known accounts. So are past results, and no comment or answer is compared with
    those of others; all else is what would be said if the influencer were known.
    """

    model_version: str
    features_as_of: datetime = Field(description="What is later in the request is not looked at.")
    request_id: str | None = Field(
        None, exclude_if=_absent, description="Names this answer in the log; only where predictions are logged."
    )
    incremental: str = Field(description=INCREMENTAL)
    predictions: list[Prediction]


class ExplainResponse(Answered):
    """Explanations in the order of the candidates."""

    model_version: str
    features_as_of: datetime
    explanations: list[Explanation]
    unknown_accounts: list[str] = Field(description="Candidates that the data do not know; they have no explanation.")


class RankResponse(Answered):
    """A page of the best accounts, best first."""

    model_version: str
    features_as_of: datetime
    request_id: str | None = Field(
        None, exclude_if=_absent, description="Names this answer in the log; only where predictions are logged."
    )
    considered: int = Field(description="Accounts that were scored.")
    matching: int = Field(description="Accounts that kept all filters.")
    incremental: str = Field(description=INCREMENTAL)
    predictions: list[RankedPrediction]
    next_cursor: str | None = Field(description="For the page that follows; null where this is the last one.")


class Campaign(Answered):
    """One campaign of the data, and what was known of it."""

    campaign_id: str
    brief: Brief | None = Field(
        description="As a request takes it: without what no request may have, and without campaign_id. null where "
        "that is the vertical or attribution_days."
    )
    decided_at: datetime | None = Field(description="The last decision for it; null where there was none.")
    activations: int = Field(description="Accounts hired.")
    fees: dict[str, float] = Field(
        description=f"Fees of those hired by account, where they are known; {MAX_HIRED:,} at most."
    )


class CampaignsResponse(Answered):
    """Campaigns that had started or been decided on, and those planned on which nobody has decided; newest first."""

    features_as_of: datetime
    matching: int = Field(description="Campaigns that were found, of which `limit` are told.")
    campaigns: list[Campaign]


class Refused(Answered):
    """What should answer now and does not; the service's log says why."""

    code: Literal["model-refused", "data-refused", "registry-unavailable", "setting-refused", "internal"]
    since: datetime


class ModelResponse(Answered):
    """What answers: the model, its origin, and the data it looks at."""

    model_version: str
    features_as_of: datetime
    accounts: int
    data_fingerprint: str
    features: int
    training: dict[str, Any] = Field(description="What the bundle records of its own training.")
    loaded_at: datetime | None = Field(None, description="Since when this model answers from these data.")
    refused: Refused | None = Field(None, description="Why something newer does not answer; null where nothing is.")


class Klout(Answered):
    """What Klout would have said, rebuilt; null is not known."""

    score: float | None = Field(description="1 to 100, the form of 2009: rank by the three parts below.")
    networks: float | None = Field(description="0 to 100, the form of 2015: all accounts of the influencer.")
    reach: float | None = Field(description="Natural logarithm of 1 + followers that do not look fake.")
    amplification: float | None = Field(description="Natural logarithm of 1 + shares and mentions in 90 days.")
    network: float | None = Field(description="Mean of log(1 + followers) of those who react, 90 days.")


class Kred(Answered):
    """What Kred would have said, rebuilt; null is not known."""

    influence: float | None = Field(description="0 to 1,000: points received in 90 days against the most of the group.")
    outreach: float | None = Field(description="A level, for all that the account ever did for others.")


class PeerIndex(Answered):
    """What PeerIndex would have said, rebuilt; null is not known."""

    score: float | None = Field(description="0 to 100: 0.6 authority + 0.2 audience + 0.2 activity.")
    authority: float | None = Field(description="0 to 100: rank by endorsements in each topic, 120 days.")
    activity: float | None = Field(description="0 to 100: rank by posts in each topic, 90 days.")


class Signal(Answered):
    """One thing that stands out about followers or reactions."""

    name: str = Field(description="The feature.")
    value: float
    usual: float | None = Field(description="Median of accounts of this size and platform; null where there are few.")
    weight: float = Field(description="Distance from the usual, in spreads of those accounts.")
    sentence: str


class Authenticity(Answered):
    """Which share of the followers is fake, and what tells so."""

    fake_share: float | None
    low: float | None = Field(description="Lower end of the 90 % interval.")
    high: float | None = Field(description="Upper end of the 90 % interval.")
    summary: str
    signals: list[Signal] = Field(description="The weightiest first.")


class FollowersReading(Answered):
    """One reading of the number of followers."""

    at: datetime
    followers: float


class WeekOfPosts(Answered):
    """The posts of seven days."""

    week: datetime = Field(description="When the seven days begin.")
    posts: int
    reactions: float | None = Field(
        description="Likes and comments of a post, median; null where none has any measured."
    )
    views: float | None = Field(description="Views of a post, median; null where none has any measured.")


class PastActivation(Answered):
    """One activation of the account."""

    campaign_id: str
    goal: str
    vertical: str
    decided_at: datetime
    fee: float | None
    actions: float | None = Field(description="null while they are counted.")
    closed_at: datetime | None = Field(description="When counting ended; null while it goes on.")


class AccountResponse(Answered):
    """What is known of one account without a brief."""

    account_id: str
    influencer_id: str
    platform: str
    country: str | None
    language: str | None
    features_as_of: datetime
    followers: float | None
    engagement_rate: float | None = Field(description="(likes + comments) / followers, median of 90 days.")
    klout: Klout
    kred: Kred
    peerindex: PeerIndex
    authenticity: Authenticity
    audience: dict[str, dict[str, float]] = Field(
        description="Dimension -> bucket -> share, of the newest report of each dimension, the largest shares first; "
        "200 buckets at most of each."
    )
    followers_over_time: list[FollowersReading] = Field(
        description="Oldest first, 200 at most: of more, every so many are left out, never the newest."
    )
    posts_over_time: list[WeekOfPosts] = Field(
        description="The last 52 weeks, oldest first. They end three days before features_as_of, since younger posts "
        "are not counted anywhere."
    )
    track_record: list[PastActivation] = Field(description="Newest decision first, 50 at most.")


class FieldError(Answered):
    """One thing that is wrong with a request."""

    at: str = Field(description="JSON pointer (RFC 6901) into the body, or into the query as if it were one.")
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
    request_id: str | None = Field(None, exclude_if=_absent, description="What the service's log calls the request.")
