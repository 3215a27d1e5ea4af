"""Ways to break the small data set, and what has to be said about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Bad:
    """One way to break the small source, and what has to be said about it.

    `opens`: whether `open_tables` still opens it, because everything can be read.
    """

    place: str  # table.column, or table
    rule: str
    change: Callable[[dict[str, Any]], object]
    says: str = ""
    rows: int | None = None
    examples: tuple[str, ...] | None = None
    severity: str = "error"
    opens: bool = True
    forms: tuple[str, ...] = ("frames",)

    def id(self) -> str:
        return f"{self.rule}: {self.place} {self.says}"


def put(place: str, value: Any, *, rows: Any = (0,)) -> Callable[[dict[str, Any]], None]:
    """Return the change that puts a value into some rows of a column."""

    def change(tables: dict[str, Any]) -> None:
        table, column = place.split(".")
        values = tables[table][column].astype("object")
        for row in range(len(values)) if rows == "all" else rows:
            values.iloc[row] = value
        tables[table][column] = values if isinstance(value, str | None) else values.infer_objects()

    return change


def shift(place: str, by: str, *, rows: Any = (0,)) -> Callable[[dict[str, Any]], None]:
    """Return the change that moves some times."""

    def change(tables: dict[str, Any]) -> None:
        table, column = place.split(".")
        tables[table].loc[list(rows), column] += pd.Timedelta(by)

    return change


def drop(place: str) -> Callable[[dict[str, Any]], None]:
    """Return the change that removes a table or column."""

    def change(tables: dict[str, Any]) -> None:
        table, _, column = place.partition(".")
        if column:
            del tables[table][column]
        else:
            del tables[table]

    return change


def rename(place: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(tables: dict[str, Any]) -> None:
        table, _, column = place.partition(".")
        if column:
            tables[table] = tables[table].rename(columns={column: new})
        else:
            tables[new] = tables.pop(table)

    return change


def scale(place: str, factor: float) -> Callable[[dict[str, Any]], None]:
    def change(tables: dict[str, Any]) -> None:
        table, column = place.split(".")
        tables[table][column] = tables[table][column] * factor

    return change


def convert(place: str, kind: str, *, zone: str | None = None) -> Callable[[dict[str, Any]], None]:
    """Return the change that gives a column another type."""

    def change(tables: dict[str, Any]) -> None:
        table, column = place.split(".")
        values = tables[table][column]
        tables[table][column] = (values.dt.tz_localize(zone) if zone else values).astype(kind)

    return change


def floor(place: str) -> Callable[[dict[str, Any]], None]:
    """Return the change that keeps only the days of times."""

    def change(tables: dict[str, Any]) -> None:
        table, column = place.split(".")
        tables[table][column] = tables[table][column].dt.floor("D").astype("str").str[:10]

    return change


def repeat(table: str) -> Callable[[dict[str, Any]], None]:
    """Return the change that lists the first row of a table twice."""

    def change(tables: dict[str, Any]) -> None:
        tables[table] = pd.concat([tables[table], tables[table].head(1)], ignore_index=True)

    return change


def keep(table: str, rows: int) -> Callable[[dict[str, Any]], None]:
    def change(tables: dict[str, Any]) -> None:
        tables[table] = tables[table].head(rows)

    return change


def as_(table: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(tables: dict[str, Any]) -> None:
        tables[table] = value

    return change


def number_ids(tables: dict[str, Any]) -> None:
    for table in tables.values():
        if "account_id" in table:
            table["account_id"] = table["account_id"].str[1:].astype("int64")


FRAMES, CSV, BOTH = ("frames",), ("csv",), ("frames", "csv")
WARNS: dict[str, Any] = {"severity": "warning"}
REFUSED: dict[str, Any] = {"opens": False}

BAD = [
    # Tables and columns
    Bad("posts", "missing-table", drop("posts"), "Impel cannot work without it", opens=False),
    Bad("posts", "missing-table", rename("posts", "post"), "There is 'post', but only 'posts' is read.", opens=False),
    Bad("audiences", "missing-optional-table", rename("audiences", "audience"), "There is 'audience', but", **WARNS),
    Bad("followers", "missing-optional-table", drop("followers"), "features stay null that say", **WARNS),
    Bad(
        "posts.published_at",
        "missing-column",
        drop("posts.published_at"),
        "the table has post_id, account_id",
        **REFUSED,
    ),
    Bad("accounts.account_id", "missing-column", rename("accounts.account_id", "acount_id"), "'acount_id'?", **REFUSED),
    Bad(
        "outcomes.actions",
        "missing-column",
        rename("outcomes.actions", "Actions"),
        "Did you mean 'Actions'?",
        **REFUSED,
    ),
    Bad("followers.follower_id", "missing-column", drop("followers.follower_id"), **REFUSED),
    Bad("posts.like", "extra-column", rename("posts.likes", "like"), "stays out. Did you mean 'likes'?", **WARNS),
    Bad("posts", "empty-table", keep("posts", 0), "Impel cannot work without it"),
    Bad("audiences", "empty-table", keep("audiences", 0), "features stay null that say", **WARNS),
    Bad("posts", "unreadable", as_("posts", [1, 2]), "It is a list; give a pandas DataFrame", forms=FRAMES, **REFUSED),
    Bad("posts", "unreadable", as_("posts", None), "It is a NoneType", forms=FRAMES, **REFUSED),
    Bad(
        "accounts",
        "unreadable",
        as_("accounts", pd.DataFrame([["a", "b"]], columns=["account_id", "account_id"])),
        "the column 'account_id' more than once",
        forms=FRAMES,
        **REFUSED,
    ),
    Bad(
        "accounts",
        "unreadable",
        as_("accounts", pa.table({"account_id": pa.array([1.0], pa.float16())})),
        "It cannot be read",
        forms=FRAMES,
        **REFUSED,
    ),
    # Values that cannot be read
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "1,234"),
        "'1,234'; write numbers without thousands",
        1,
        ("p00",),
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "12.5k"),
        "'12.5k'; write numbers in full",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "many"),
        "not a whole number: 'many'; write a whole",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", 2.5),
        "not a whole number: '2.5'",
        1,
        ("p00",),
        forms=CSV,
        **REFUSED,
    ),
    Bad("posts.likes", "wrong-type", put("posts.likes", "1_000"), "'1_000'", 1, forms=CSV, **REFUSED),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "99999999999999999999"),
        "'99999999999999999999'",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "n/a", rows=(0, 9)),
        "leave the cell empty",
        2,
        ("p00", "p09"),
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "outcomes.actions",
        "wrong-type",
        put("outcomes.actions", "true"),
        "'true'",
        1,
        ("c00/a00",),
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "outcomes.actions",
        "wrong-type",
        convert("outcomes.actions", "bool"),
        "'false' in a column of type BOOLEAN; write a whole number",
        210,
        forms=FRAMES,
        **REFUSED,
    ),
    Bad(
        "outcomes.fee",
        "wrong-type",
        put("outcomes.fee", "$250"),
        "'$250'; write amounts as plain numbers",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad("outcomes.fee", "wrong-type", put("outcomes.fee", "250 EUR"), "without the currency", 1, forms=CSV, **REFUSED),
    Bad(
        "outcomes.fee",
        "wrong-type",
        put("outcomes.fee", "99,5"),
        "write numbers with a decimal point",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "audiences.share",
        "wrong-type",
        put("audiences.share", "60%"),
        "without the percent sign",
        1,
        ("a00",),
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "outcomes.fee",
        "not-finite",
        put("outcomes.fee", "inf"),
        "leave it null",
        1,
        ("c00/a00",),
        forms=BOTH,
        **REFUSED,
    ),
    Bad("outcomes.fee", "not-finite", put("outcomes.fee", float("inf")), "with 'inf'", 1, forms=CSV, **REFUSED),
    Bad("posts.views", "not-finite", put("posts.views", -np.inf), "with '-inf'", 1, forms=CSV, **REFUSED),
    Bad("posts.views", "not-finite", put("posts.views", "NaN"), "with 'NaN'", 1, forms=CSV, **REFUSED),
    Bad(
        "posts.published_at",
        "wrong-type",
        put("posts.published_at", "31/01/2024"),
        "write times as 2026-01-31T18",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "posts.published_at",
        "wrong-type",
        put("posts.published_at", "2024-02-30 10:00:00"),
        "'2024-02-30 10",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "posts.published_at",
        "wrong-type",
        put("posts.published_at", "1709278215"),
        "'1709278215'; write times",
        1,
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "posts.published_at",
        "wrong-type",
        convert("posts.published_at", "int64"),
        "in a column of type BIGINT; write a date and time",
        65,
        forms=FRAMES,
        **REFUSED,
    ),
    Bad(
        "posts.topics",
        "wrong-type",
        put("posts.topics", "['food', 'home']"),
        "write a JSON array",
        1,
        forms=CSV,
        **REFUSED,
    ),
    Bad("posts.topics", "wrong-type", put("posts.topics", '["food"'), "write a JSON array", 1, forms=CSV, **REFUSED),
    Bad(
        "followers.is_private",
        "wrong-type",
        put("followers.is_private", "maybe"),
        "true or false: 'maybe'",
        1,
        ("a00/f0",),
        forms=CSV,
        **REFUSED,
    ),
    Bad(
        "accounts.platform",
        "wrong-type",
        put("accounts.platform", 1.5, rows="all"),
        "a text: '1.5'",
        10,
        forms=FRAMES,
        **REFUSED,
    ),
    # Ids
    Bad("posts.post_id", "null-in-required", put("posts.post_id", None), "without a value", 1, ("(null)",)),
    Bad("posts.published_at", "null-in-required", put("posts.published_at", pd.NaT), "", 1, ("p00",)),
    Bad("outcomes.actions", "null-in-required", put("outcomes.actions", None, rows=(1,)), "", 1, ("c00/a01",)),
    Bad("account_stats.followers", "null-in-required", put("account_stats.followers", None), "", 1, ("a00",)),
    Bad(
        "account_stats.followers",
        "followers-null-everywhere",
        put("account_stats.followers", None, rows="all"),
        "All 30 rows have no followers",
        30,
    ),
    Bad("campaigns.brand_id", "blank-id", put("campaigns.brand_id", "  "), "a blank id", 1, ("c00",)),
    Bad("accounts.influencer_id", "spaces-in-id", put("accounts.influencer_id", " i0"), "' i0'", 1, ("a00",), **WARNS),
    Bad("posts.account_id", "id-not-text", number_ids, "The ids are numbers (BIGINT)", forms=FRAMES, **WARNS),
    Bad("accounts.account_id", "duplicate-key", repeat("accounts"), "share their account_id", 2, ("a00",)),
    Bad("account_stats.account_id, observed_at", "duplicate-key", repeat("account_stats"), "", 2, ("a00",)),
    Bad("posts.post_id, observed_at", "duplicate-key", repeat("posts"), "", 2, ("p00",)),
    Bad("audiences.account_id, observed_at, dimension, bucket", "duplicate-key", repeat("audiences"), "", 2, ("a00",)),
    Bad("followers.account_id, follower_id, observed_at", "duplicate-key", repeat("followers"), "", 2, ("a00/f0",)),
    Bad("campaigns.campaign_id", "duplicate-key", repeat("campaigns"), "", 2, ("c00",)),
    Bad(
        "campaign_audience.campaign_id, dimension, bucket",
        "duplicate-key",
        repeat("campaign_audience"),
        "",
        2,
        ("c00",),
    ),
    Bad("outcomes.campaign_id, account_id", "duplicate-key", repeat("outcomes"), "", 2, ("c00/a00",)),
    Bad("interactions", "duplicate-row", repeat("interactions"), "equal in every column", 2, ("u0/a00",), **WARNS),
    Bad("posts.post_id", "readings-disagree", put("posts.account_id", "a09", rows=(64,)), "", 2, ("p04",)),
    Bad("posts.post_id", "readings-disagree", shift("posts.published_at", "1s", rows=(64,)), "", 2, ("p04",)),
    Bad(
        "posts.account_id",
        "dangling-reference",
        put("posts.account_id", "b00"),
        "such as 'b00'; add it to accounts",
        1,
        ("p00",),
    ),
    Bad("outcomes.account_id", "dangling-reference", put("outcomes.account_id", "zz"), "", 1, ("c00/zz",)),
    Bad("outcomes.campaign_id", "dangling-reference", put("outcomes.campaign_id", "zz"), "campaigns", 1, ("zz/a00",)),
    Bad(
        "campaign_audience.campaign_id",
        "dangling-reference",
        put("campaign_audience.campaign_id", "zz"),
        "",
        1,
        ("zz",),
    ),
    Bad("audiences.account_id", "dangling-reference", put("audiences.account_id", "zz"), "", 1, ("zz",)),
    Bad(
        "interactions.post_id",
        "dangling-reference",
        put("interactions.post_id", "zz"),
        "whose post_id is not in posts",
        1,
        ("u0/a00",),
        **WARNS,
    ),
    # Numbers
    Bad("posts.likes", "negative-count", put("posts.likes", -1, rows=(0, 8)), "'-1'", 2, ("p00", "p08")),
    Bad(
        "account_stats.followers",
        "negative-count",
        put("account_stats.followers", -7),
        "a count is 0 or more",
        1,
        ("a00",),
    ),
    Bad("outcomes.fee", "negative-amount", put("outcomes.fee", -0.5), "below 0, such as '-0.5'", 1, ("c00/a00",)),
    Bad("campaigns.budget", "negative-amount", put("campaigns.budget", -1.0), "", 1, ("c00",)),
    Bad(
        "campaigns.attribution_days",
        "nonpositive-attribution-days",
        put("campaigns.attribution_days", 0),
        "'0' days",
        1,
    ),
    Bad(
        "campaigns.value_per_action",
        "nonpositive-value-per-action",
        put("campaigns.value_per_action", 0.0),
        "",
        1,
        ("c00",),
    ),
    Bad("outcomes.propensity", "propensity-out-of-range", put("outcomes.propensity", 0.0), "'0.0'", 1, ("c00/a00",)),
    Bad("outcomes.propensity", "propensity-out-of-range", put("outcomes.propensity", 1.01), "'1.01'", 1),
    Bad("audiences.share", "share-out-of-range", put("audiences.share", 1.2), "'1.2'", 1, ("a00",)),
    Bad("audiences.share", "share-out-of-range", put("audiences.share", -0.1), "'-0.1'", 1, ("a00",)),
    Bad("audiences.share", "share-in-percent", scale("audiences.share", 100), "divide its shares by 100", 40),
    Bad(
        "campaign_audience.share",
        "share-in-percent",
        scale("campaign_audience.share", 100),
        "looks like percentages",
        42,
    ),
    Bad("audiences.share", "shares-sum", put("audiences.share", 0.8), "more than 1.02", 2, ("a00",), **WARNS),
    Bad(
        "campaign_audience.share",
        "shares-sum",
        put("campaign_audience.dimension", "country", rows=(0, 1)),
        "",
        2,
        **WARNS,
    ),
    # Vocabularies
    Bad(
        "campaigns.goal",
        "unknown-goal",
        put("campaigns.goal", "sales"),
        "'sales'; write one of awareness, engagement, traffic, signup, sale. Did you mean 'sale'?",
        1,
        ("c00",),
    ),
    Bad("campaigns.goal", "unknown-goal", put("campaigns.goal", "Sale"), "Did you mean 'sale'?", 1),
    Bad("audiences.dimension", "unknown-dimension", put("audiences.dimension", "sex"), "'sex'", 1, **WARNS),
    Bad(
        "interactions.kind", "unknown-kind", put("interactions.kind", "comments"), "Did you mean 'comment'?", 1, **WARNS
    ),
    Bad(
        "accounts.platform",
        "platform-not-lower-case",
        put("accounts.platform", "TikTok"),
        "'TikTok'",
        1,
        ("a00",),
        **WARNS,
    ),
    Bad("accounts.country", "bad-country-code", put("accounts.country", "Thailand"), "ISO 3166", 1, ("a00",), **WARNS),
    Bad("accounts.country", "bad-country-code", put("accounts.country", "UK"), "such as GB", 1, **WARNS),
    Bad("accounts.language", "bad-language-code", put("accounts.language", "en-US"), "ISO 639-1", 1, ("a00",), **WARNS),
    Bad("audiences.bucket", "bad-country-code", put("audiences.bucket", "gb"), "'gb'", 1, ("a00",), **WARNS),
    # Times
    Bad("outcomes.closed_at", "closed-before-decided", shift("outcomes.closed_at", "-40D"), "", 1, ("c00/a00",)),
    Bad(
        "outcomes.posted_at",
        "posted-before-decided",
        shift("outcomes.posted_at", "-4D", rows=(1,)),
        "",
        1,
        ("c00/a01",),
        **WARNS,
    ),
    Bad("posts.observed_at", "observed-before-published", shift("posts.observed_at", "-11D"), "swapped", 1, ("p00",)),
    Bad("campaigns.ends_at", "ends-before-starts", shift("campaigns.ends_at", "-11D"), "", 1, ("c00",)),
    Bad(
        "posts.published_at",
        "implausible-time",
        put("posts.published_at", pd.Timestamp(0), rows=(20,)),
        "",
        1,
        ("p20",),
        **WARNS,
    ),
    Bad("outcomes.closed_at", "implausible-time", shift("outcomes.closed_at", "36500D"), "after 2099", 1, **WARNS),
    Bad(
        "posts.published_at",
        "mixed-time-zones",
        convert("posts.published_at", "datetime64[us, UTC]", zone="UTC"),
        "with a time zone: posts.published_at",
        **WARNS,
    ),
    Bad(
        "posts.published_at",
        "mixed-resolutions",
        convert("posts.published_at", "datetime64[ns]"),
        "nanoseconds: posts.published_at",
        forms=("frames", "parquet", "duckdb"),
        **WARNS,
    ),
    Bad(
        "outcomes.decided_at",
        "mixed-resolutions",
        floor("outcomes.decided_at"),
        "days: outcomes.decided_at",
        forms=CSV,
        **WARNS,
    ),
    # Outcomes as a whole
    Bad("outcomes", "few-outcomes", keep("outcomes", 199), "199 closed activations are few", **WARNS),
    Bad("outcomes.actions", "no-actions", put("outcomes.actions", 0, rows="all"), "nothing to learn", **WARNS),
]
