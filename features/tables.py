"""The data contract in code: which tables a user brings, with which columns of which kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["id", "text", "code", "time", "count", "number", "share", "flag", "list"]

SQL_TYPES: dict[Kind, str] = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "code": "VARCHAR",
    "time": "TIMESTAMP",
    "count": "BIGINT",
    "number": "DOUBLE",
    "share": "DOUBLE",
    "flag": "BOOLEAN",
    "list": "VARCHAR[]",
}
"""The DuckDB type that each kind of column is normalised to; times are UTC, microseconds, without a zone."""

GOALS = ("awareness", "engagement", "traffic", "signup", "sale")
DIMENSIONS = ("country", "age", "gender", "language", "interest", "city")
INTERACTIONS = ("comment", "reply", "mention", "reshare", "follow")


@dataclass(frozen=True)
class Column:
    """One column: an identifier, free text, a code of a vocabulary, a moment, a count, a number, a share, ...

    `nullable` says that null (not measured) is allowed, and that the whole column may be absent.
    """

    name: str
    kind: Kind
    nullable: bool


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    Attributes
    ----------
    name, meaning
        The table's name, and what one row of it is.
    columns
        In the order of the contract.
    key
        The columns that together name a row once; empty where rows may repeat.
    required
        Whether Impel can work without it.
    references
        Column to the table in which its values are listed under the same column name.
    serves
        For an optional table: what is not known without it.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool
    references: dict[str, str]
    serves: str

    @property
    def times(self) -> tuple[str, ...]:
        """The names of the columns that hold a moment."""
        return tuple(column.name for column in self.columns if column.kind == "time")

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)


def _column(written: str) -> Column:
    """Read a column written as `name:kind`, with a `*` behind it where it is nullable."""
    name, kind = written.rstrip("*").split(":")
    return Column(name, cast("Kind", kind), nullable=written.endswith("*"))


def _table(name: str, meaning: str, columns: str, *, key: str = "", references: str = "", serves: str = "") -> Table:
    return Table(
        name=name,
        meaning=meaning,
        columns=tuple(_column(written) for written in columns.split()),
        key=tuple(key.split()),
        required=not serves,
        references=dict(pair.split(":", 1) for pair in references.split()),
        serves=serves,
    )


_TABLES = (
    _table(
        "accounts",
        "one account of an influencer on one platform",
        "account_id:id influencer_id:id platform:code country:code* language:code* created_at:time*",
        key="account_id",
    ),
    _table(
        "account_stats",
        "an account's public counters at one moment",
        "account_id:id observed_at:time followers:count following:count* posts:count*",
        key="account_id observed_at",
        references="account_id:accounts",
        serves="size, growth, and engagement per follower",
    ),
    _table(
        "posts",
        "one published post, or one later reading of its counts",
        "post_id:id account_id:id published_at:time observed_at:time* sponsor_id:id* topics:list* caption:text*"
        " views:count* likes:count* comments:count* shares:count* saves:count* clicks:count*",
        key="post_id observed_at",
        references="account_id:accounts",
    ),
    _table(
        "interactions",
        "one action of somebody else towards the account",
        "actor_id:id account_id:id post_id:id* kind:code at:time actor_followers:count* text:text*",
        references="account_id:accounts post_id:posts",
        serves="who answers: depth, loyalty, reciprocity, pods",
    ),
    _table(
        "audiences",
        "one slice of an account's audience report",
        "account_id:id observed_at:time dimension:code bucket:code share:share",
        key="account_id observed_at dimension bucket",
        references="account_id:accounts",
        serves="how the audience fits the campaign's target",
    ),
    _table(
        "followers",
        "one follower out of a sample of an account's followers; `fake` is a label given by hand",
        "account_id:id follower_id:id observed_at:time followers:count* following:count* posts:count*"
        " has_picture:flag* is_private:flag* fake:flag*",
        key="account_id follower_id observed_at",
        references="account_id:accounts",
        serves="which share of the followers looks false",
    ),
    _table(
        "campaigns",
        "one campaign brief",
        "campaign_id:id brand_id:id vertical:code goal:code topics:list* brief:text* starts_at:time ends_at:time*"
        " attribution_days:count value_per_action:number* budget:number*",
        key="campaign_id",
    ),
    _table(
        "campaign_audience",
        "one slice of the audience that the campaign wants",
        "campaign_id:id dimension:code bucket:code share:share",
        key="campaign_id dimension bucket",
        references="campaign_id:campaigns",
        serves="how the audience fits the campaign's target",
    ),
    _table(
        "outcomes",
        "one activation: one account hired for one campaign",
        "campaign_id:id account_id:id decided_at:time posted_at:time* fee:number* impressions:count* clicks:count*"
        " actions:count closed_at:time propensity:share* incremental_actions:number*",
        key="campaign_id account_id",
        references="campaign_id:campaigns account_id:accounts",
    ),
)

CONTRACT: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table of the contract by name, in its order."""
