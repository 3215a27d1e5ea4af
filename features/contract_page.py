"""The page of the data contract: `python -m features.contract_page > docs/reference/data-contract.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.tables import CONTRACT, DIMENSIONS, GOALS, INTERACTIONS

if TYPE_CHECKING:
    from features.tables import Kind, Table

KINDS: dict[Kind, str] = {
    "id": "text",
    "text": "text",
    "code": "text",
    "time": "moment, UTC",
    "count": "whole number from 0",
    "number": "number",
    "share": "number from 0 to 1",
    "flag": "true or false",
    "list": "list of texts",
}

MEANINGS = {
    "account_id": "the account, under one id in all tables",
    "influencer_id": "who owns it; several accounts may have one owner",
    "platform": "instagram, tiktok, youtube, x, facebook, pinterest, twitch, linkedin, blog, or another in lower case",
    "country": "ISO 3166 alpha-2, such as GB",
    "language": "ISO 639-1, such as en",
    "created_at": "when the account was opened",
    "observed_at": "when this was read; it is known from then on",
    "followers": "how many follow",
    "following": "how many are followed",
    "posts": "how many posts there are",
    "post_id": "the post",
    "published_at": "when it was published; it is known three days later",
    "sponsor_id": "the brand that paid for it",
    "topics": "what it is about",
    "caption": "its text",
    "views": "as the platform counts them",
    "likes": "likes",
    "comments": "comments",
    "shares": "shares, reposts",
    "saves": "saves, bookmarks",
    "clicks": "clicks on its link",
    "actor_id": "who did it; an account_id where the table accounts lists them",
    "kind": f"one of {', '.join(INTERACTIONS)}; rows of any other kind are left out",
    "at": "when it was done",
    "actor_followers": "how many followed the actor then",
    "text": "what was written",
    "dimension": f"one of {', '.join(DIMENSIONS)}",
    "bucket": "the slice, such as GB, 25-34 or female",
    "share": "its part of the audience",
    "follower_id": "the follower",
    "has_picture": "whether the profile has a picture",
    "is_private": "whether the profile is private",
    "fake": "a label given by hand: not a person who follows by choice",
    "campaign_id": "the campaign",
    "brand_id": "the brand that runs it",
    "vertical": "its trade, a lower-case name such as food",
    "goal": f"the target action: one of {', '.join(GOALS)}",
    "brief": "the text of the brief",
    "starts_at": "when it starts",
    "ends_at": "when it ends",
    "attribution_days": "days after the post in which an action counts",
    "value_per_action": "what one action is worth, in the currency of the fees",
    "budget": "what may be spent, in the currency of the fees",
    "decided_at": "when it was decided to hire; nothing later is used for the prediction",
    "posted_at": "when the post went out; null: paid, and never posted",
    "fee": "what was paid, in the one currency of the data",
    "impressions": "how often it was shown in the attribution window",
    "actions": "how many target actions it brought; 0 for what was never posted",
    "closed_at": "when the count was complete, returns and reversals included; known from then on",
    "propensity": "with which probability it was chosen, where the choice was logged",
    "incremental_actions": "actions that would not have come without it, from a holdout",
}
"""What a column holds; one name means the same in every table."""

_HEAD = """\
# The data contract

<!-- Made by `make docs` from features/tables.py; do not edit. -->

What you bring: one table per file (`posts.parquet`, a folder `posts/` of Parquet parts, or `posts.csv`) in one folder,
or one table per name in a database. `impel check` says what is wrong, all at once.

- Ids are texts. Moments are UTC; naive ones are taken as UTC.
- Null means *not measured*, 0 means *measured, none*. A platform that hides shares gives null, never 0.
- Shares are 0 to 1; a table that looks like per cent is refused.
- Money is in one currency.
- Other columns are kept out of the features and named in the report.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *(_section(table) for table in CONTRACT.values())])


def _section(table: Table) -> str:
    use = "Required." if table.required else f"Optional; it serves {table.serves}."
    key = f" One row per {', '.join(f'`{name}`' for name in table.key)}." if table.key else ""
    rows = [
        f"| `{column.name}` | {KINDS[column.kind]} | {'yes' if column.nullable else 'no'} | {MEANINGS[column.name]} |"
        for column in table.columns
    ]
    head = ["| column | type | may be null | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {table.name}", "", f"{table.meaning.capitalize()}. {use}{key}", "", *head, *rows, ""])


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
