"""What the service answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.schemas.requests import Brief

Support = Literal["in", "edge", "outside"]
Direction = Literal["raises", "lowers"]
Contribution = Annotated[
    float, Field(description="Added to the likelihood. All contributions add up to likelihood less base_likelihood.")
]

MAX_HIRED = 1_000
INCREMENTAL = "What the incremental actions rest on, or why they are null. `actions` are always those attributed."


def _absent(value: Any) -> bool:
    return value is None


LoggedAs = Annotated[
    str | None,
    Field(exclude_if=_absent, description="Names this answer in the log; only where predictions are logged."),
]


class Answered(BaseModel):
    """What a caller receives."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OutcomesResponse(Answered):
    """All are stored. Repeated: known with the same values. Corrected: known with others, and closed later now."""

    accepted: int
    repeated: int
    corrected: int


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
    request_id: LoggedAs = None
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
    request_id: LoggedAs = None
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
    request_id: LoggedAs = None
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
