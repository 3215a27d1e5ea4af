"""What an import fills: the tables of the data contract, and the parts that outcomes are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from features.tables import CONTRACT, Column, Kind, Table


def _part(name: str, meaning: str, columns: str, *, key: str) -> Table:
    written = [(*column.rstrip("*").split(":"), column) for column in columns.split()]
    return Table(
        name=name,
        meaning=meaning,
        columns=tuple(
            Column(column, cast("Kind", kind), nullable=text.endswith("*")) for column, kind, text in written
        ),
        key=tuple(key.split()),
        required=False,
        references={},
        serves="",
    )


_PARTS = (
    _part(
        "account_names",
        "another name of an account, such as `impact:10000`, and whose account it is",
        "name:id account_id:id influencer_id:id*",
        key="name",
    ),
    _part(
        "activations",
        "one account hired for one campaign, before anything is counted; posted_at null: never posted",
        "campaign_id:id account_id:id decided_at:time* posted_at:time* fee:number* currency:code* propensity:share*"
        " incremental_actions:number*",
        key="campaign_id account_id",
    ),
    _part(
        "campaign_posts",
        "one post that was made for a campaign",
        "campaign_id:id account_id:id post_id:id published_at:time",
        key="campaign_id post_id",
    ),
    _part(
        "payments",
        "one payment to an influencer for a campaign",
        "payment_id:id campaign_id:id influencer_id:id amount:number currency:code*",
        key="payment_id",
    ),
    _part(
        "codes",
        "one discount code or link tag, and who was given it; without a campaign, for all of theirs",
        "code:code account_id:id* influencer_id:id* campaign_id:id*",
        key="code account_id influencer_id campaign_id",
    ),
    _part(
        "conversions",
        "one order or sign-up, or one day's number of them, with whatever says whose it is; of a negative amount: what "
        "was taken back of its order",
        "conversion_id:id kind:code at:time status:code actions:count* code:code* account_id:id* influencer_id:id*"
        " campaign_id:id* locked_at:time* referrer:text* order_id:id* amount:number*",
        key="conversion_id",
    ),
)

PARTS: dict[str, Table] = {part.name: part for part in _PARTS}
"""What outcomes are made of: who was hired, who was paid, which codes they got, and what was counted."""

_ACCOUNTS = CONTRACT["accounts"]
STAGED: dict[str, Table] = {
    **CONTRACT,
    **PARTS,
    # An account whose influencer no export names is its own.
    "accounts": replace(
        _ACCOUNTS,
        columns=tuple(replace(c, nullable=c.nullable or c.name == "influencer_id") for c in _ACCOUNTS.columns),
    ),
}
"""Every table that a mapping may fill."""

KINDS = {"sale": "sale", "signup": "signup", "traffic": "click"}
"""Which kind of conversion is the target action of a goal."""
MONEY = {"activations": "fee", "payments": "amount"}
"""Columns that hold money, whose rows name their currency in the column `currency`."""
ACCOUNT_TABLES = ("account_stats", "posts", "interactions", "audiences", "followers", "activations", "campaign_posts")
"""Tables whose account ids are those of accounts, which are then listed in `accounts`."""
