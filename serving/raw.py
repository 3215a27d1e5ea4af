"""The raw tables of an influencer that the data do not know, as a request brings them: the contract's rows, bounded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from serving.schemas.requests import (
    Asked,
    Brief,
    Candidate,
    Count,
    Country,
    Dimension,
    Id,
    Language,
    Moment,
    Name,
    Share,
)

MAX_ACCOUNTS = 20
MAX_ROWS = 10_000
TABLES = ("account_stats", "posts", "interactions", "audiences", "followers")
"""What is known of the accounts, all of it optional."""

Text = Annotated[str, Field(max_length=10_000)]
Topic = Annotated[str, Field(min_length=1, max_length=100)]


class AccountRow(Asked):
    """One account of the influencer."""

    account_id: Id
    platform: Name
    country: Country | None = None
    language: Language | None = None
    created_at: Moment | None = None


class StatsRow(Asked):
    """The public counters of one account at one moment."""

    account_id: Id
    observed_at: Moment
    followers: Count
    following: Count | None = None
    posts: Count | None = None


class PostRow(Asked):
    """One published post, or one later reading of its counts."""

    post_id: Id
    account_id: Id
    published_at: Moment
    observed_at: Moment | None = None
    sponsor_id: Id | None = None
    topics: list[Topic] | None = Field(None, max_length=50)
    caption: Text | None = None
    views: Count | None = None
    likes: Count | None = None
    comments: Count | None = None
    shares: Count | None = None
    saves: Count | None = None
    clicks: Count | None = None


class InteractionRow(Asked):
    """One action of somebody else towards an account."""

    actor_id: Id
    account_id: Id
    post_id: Id | None = None
    kind: Literal["comment", "reply", "mention", "reshare", "follow"]
    at: Moment
    actor_followers: Count | None = None
    text: Text | None = None


class AudienceRow(Asked):
    """One slice of an account's audience report."""

    account_id: Id
    observed_at: Moment
    dimension: Dimension
    bucket: Annotated[str, Field(min_length=1, max_length=100)]
    share: Share


class FollowerRow(Asked):
    """One follower out of a sample of an account's followers."""

    account_id: Id
    follower_id: Id
    observed_at: Moment
    followers: Count | None = None
    following: Count | None = None
    posts: Count | None = None
    has_picture: bool | None = None
    is_private: bool | None = None


class Influencer(Asked):
    """All that is known of one influencer. A table that is left out is not measured; an empty one is measured, none."""

    accounts: list[AccountRow] = Field(min_length=1, max_length=MAX_ACCOUNTS)
    account_stats: list[StatsRow] | None = Field(None, max_length=MAX_ROWS)
    posts: list[PostRow] | None = Field(None, max_length=MAX_ROWS)
    interactions: list[InteractionRow] | None = Field(None, max_length=MAX_ROWS)
    audiences: list[AudienceRow] | None = Field(None, max_length=MAX_ROWS)
    followers: list[FollowerRow] | None = Field(None, max_length=MAX_ROWS)

    @model_validator(mode="after")
    def _own_rows(self) -> Influencer:
        known = {account.account_id for account in self.accounts}
        if len(known) < len(self.accounts):
            raise ValueError("accounts: an account_id is there twice")
        for table in TABLES:
            for row in getattr(self, table) or ():
                if row.account_id not in known:
                    raise ValueError(f"{table}: account_id {row.account_id[:80]!r} is not one of accounts")
        return self


class ScoreRequest(Asked):
    """A brief and an influencer whom the data do not know."""

    brief: Brief
    influencer: Influencer
    candidates: list[Candidate] | None = Field(
        None,
        min_length=1,
        max_length=MAX_ACCOUNTS,
        description="What is offered to which accounts of the influencer; by default all, without a fee.",
    )
    reasons: bool = Field(default=False, description="Whether to say what raises and lowers each expectation.")

    @model_validator(mode="after")
    def _known_candidates(self) -> ScoreRequest:
        known = {account.account_id for account in self.influencer.accounts}
        for candidate in self.candidates or ():
            if candidate.account_id not in known:
                raise ValueError(
                    f"candidates: account_id {candidate.account_id[:80]!r} is not one of influencer.accounts"
                )
        return self

    @property
    def asked(self) -> list[Candidate]:
        """The accounts to score."""
        if self.candidates is not None:
            return self.candidates
        return [Candidate(account_id=account.account_id) for account in self.influencer.accounts]
