"""Everything that may be wrong with data is found, all at once, and named so that it can be put right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.checks import check
from features.errors import DataError, ImpelError
from features.sources import open_tables
from features.tables import CONTRACT
from tests.small_source import FORMS, small_source, small_tables, write_source

if TYPE_CHECKING:
    from collections.abc import Callable

REAL = Path(__file__).parents[2] / "../shared/data/facebook-live"
REQUIRED = [name for name, table in CONTRACT.items() if table.required]


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
    Bad("posts", "missing-table", rename("posts", "post"), "Did you mean 'post'?", opens=False),
    Bad("audiences", "missing-optional-table", rename("audiences", "audience"), "Did you mean 'audience'?", **WARNS),
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
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "many"),
        "not a whole number: 'many'; write a whole",
        1,
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", 2.5),
        "not a whole number: '2.5'",
        1,
        ("p00",),
        forms=BOTH,
        **REFUSED,
    ),
    Bad("posts.likes", "wrong-type", put("posts.likes", "1_000"), "'1_000'", 1, forms=BOTH, **REFUSED),
    Bad(
        "posts.likes",
        "wrong-type",
        put("posts.likes", "99999999999999999999"),
        "'99999999999999999999'",
        1,
        forms=BOTH,
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
        forms=BOTH,
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
        forms=BOTH,
        **REFUSED,
    ),
    Bad("outcomes.fee", "wrong-type", put("outcomes.fee", "250 EUR"), "without the currency", 1, forms=BOTH, **REFUSED),
    Bad(
        "outcomes.fee",
        "wrong-type",
        put("outcomes.fee", "99,5"),
        "write numbers with a decimal point",
        1,
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "audiences.share",
        "wrong-type",
        put("audiences.share", "60%"),
        "without the percent sign",
        1,
        ("a00",),
        forms=BOTH,
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
    Bad("outcomes.fee", "not-finite", put("outcomes.fee", float("inf")), "with 'inf'", 1, forms=BOTH, **REFUSED),
    Bad("posts.views", "not-finite", put("posts.views", -np.inf), "with '-inf'", 1, forms=BOTH, **REFUSED),
    Bad("posts.views", "not-finite", put("posts.views", "NaN"), "with 'NaN'", 1, forms=BOTH, **REFUSED),
    Bad(
        "posts.published_at",
        "wrong-type",
        put("posts.published_at", "31/01/2024"),
        "write times as 2026-01-31T18",
        1,
        forms=BOTH,
        **REFUSED,
    ),
    Bad(
        "posts.published_at",
        "wrong-type",
        put("posts.published_at", "2024-02-30 10:00:00"),
        "'2024-02-30 10",
        1,
        forms=BOTH,
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
        forms=BOTH,
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
        "posts does not list",
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
CASES = [pytest.param(bad, form, id=f"{bad.id()} ({form})") for bad in BAD for form in bad.forms]


def place(problem: Any) -> str:
    return f"{problem.table}.{problem.column}" if problem.column else problem.table


def found(report: Any, where: str, rule: str) -> Any:
    """Return the one problem there; fail with the whole report where it is not there."""
    matches = [problem for problem in report.problems if (place(problem), problem.rule) == (where, rule)]
    assert len(matches) == 1, f"{rule} of {where} is not in:\n{report}"
    return matches[0]


def read_all(source: Any) -> None:
    with open_tables(source) as tables:
        for name in CONTRACT:
            tables.frame(name)


@pytest.mark.parametrize(("bad", "form"), CASES)
def test_bad_data_is_reported_and_never_a_traceback(bad, form, tmp_path):
    tables = small_tables()
    bad.change(tables)
    source = write_source(tables, tmp_path / "data", form=form)
    report = check(source)
    problem = found(report, bad.place, bad.rule)
    assert problem.severity == bad.severity
    assert bad.says in problem.message
    assert "\n" not in str(problem)
    assert bad.rows in (None, problem.rows)
    assert bad.examples in (None, problem.examples)
    assert report.ok == (bad.severity == "warning")
    # What the break brings with it may be reported too, but nothing about tables that have nothing to do with it.
    related = {bad.place.split(".")[0], *(name for name, table in CONTRACT.items() if table.references)}
    assert {other.table for other in report.problems if other.severity == "error"} <= related
    if bad.opens:
        read_all(source)
    else:
        with pytest.raises(DataError) as caught:
            open_tables(source)
        assert isinstance(caught.value, ImpelError)
        assert bad.place.split(".")[0] in str(caught.value)
        assert "\n" not in str(caught.value)


def test_only_what_is_wrong_is_reported(tmp_path):
    tables = small_tables()
    tables["posts"].loc[3, "likes"] = -1
    report = check(write_source(tables, tmp_path))
    assert [(place(problem), problem.rule) for problem in report.problems] == [("posts.likes", "negative-count")]


@pytest.mark.parametrize("form", FORMS)
def test_valid_data_has_no_problems(form, tmp_path):
    report = check(small_source(tmp_path / "data", form=form))
    assert str(report) == "No problems."
    assert report.ok
    assert report.tables == {name: len(table) for name, table in small_tables().items()}


@pytest.mark.parametrize("form", ["parquet", "csv", "duckdb"])
@pytest.mark.parametrize("table", CONTRACT)
def test_each_table_may_be_missing(table, form, tmp_path):
    tables = small_tables()
    del tables[table]
    source = write_source(tables, tmp_path, form=form)
    report = check(source)
    required = table in REQUIRED
    assert found(report, table, "missing-table" if required else "missing-optional-table")
    assert report.ok == (not required)
    assert len(report.problems) == 1
    if required:
        with pytest.raises(DataError, match=f"{table}: The table is missing"):
            open_tables(source)
    else:
        read_all(source)


@pytest.mark.parametrize("form", ["parquet", "csv", "duckdb"])
@pytest.mark.parametrize("table", CONTRACT)
def test_each_table_may_be_empty(table, form, tmp_path):
    tables = small_tables()
    tables[table] = tables[table].head(0)
    source = write_source(tables, tmp_path, form=form)
    problem = found(check(source), table, "empty-table")
    assert problem.severity == ("error" if table in REQUIRED else "warning")
    read_all(source)


@pytest.mark.parametrize("table", CONTRACT)
def test_each_required_column_may_be_missing(table):
    tables = small_tables()
    required = [column.name for column in CONTRACT[table].columns if not column.nullable]
    tables[table] = tables[table].drop(columns=required).assign(note=1)
    missing = [(p.table, p.column) for p in check(tables).problems if p.rule == "missing-column"]
    assert missing == [(table, name) for name in sorted(required)]
    for name in required:
        tables = small_tables()
        del tables[table][name]
        with pytest.raises(DataError, match=f"{table}.{name}: The column is missing"):
            open_tables(tables)


@pytest.mark.parametrize("table", CONTRACT)
def test_each_nullable_column_may_be_missing(table):
    tables = small_tables()
    tables["posts"] = tables["posts"].head(60)  # without readings that only observed_at tells apart
    nullable = [column.name for column in CONTRACT[table].columns if column.nullable]
    tables[table] = tables[table].drop(columns=nullable)
    assert not check(tables).problems
    read_all(tables)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_pages(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 300 + data[304:])


def damage_line(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line)


def encode(path: Path, encoding: str) -> None:
    path.write_bytes((path.read_text() + "café,é\n").encode(encoding))


def separate(path: Path, mark: str) -> None:
    pd.read_csv(path).to_csv(path, sep=mark, index=False)


DAMAGE = {
    "parquet truncated": ("parquet", truncate, "cannot be read"),
    "parquet empty": ("parquet", lambda path: path.write_bytes(b""), "is an empty file"),
    "parquet is text": ("parquet", lambda path: path.write_text("account_id\na\n" * 99), "cannot be read"),
    "parquet is short": ("parquet", lambda path: path.write_text("PAR1"), "cannot be read"),
    "csv empty": ("csv", lambda path: path.write_bytes(b""), "is empty; write a header"),
    "csv blank": ("csv", lambda path: path.write_text("\n\n"), "is empty"),
    "csv UTF-16": ("csv", lambda path: encode(path, "utf-16"), "is not UTF-8 (it looks like UTF-16"),
    "csv UTF-16 without mark": ("csv", lambda path: encode(path, "utf-16-le"), "is not UTF-8"),
    "csv latin-1": ("csv", lambda path: encode(path, "latin-1"), "is not UTF-8 (byte"),
    "csv semicolons": ("csv", lambda path: separate(path, ";"), "is separated by ';'; save it separated by commas"),
    "csv tabs": ("csv", lambda path: separate(path, "\t"), "is separated by '\\t'"),
    "csv bars": ("csv", lambda path: separate(path, "|"), "is separated by '|'"),
    "csv long line": ("csv", lambda path: damage_line(path, "a" + ",b" * 30 + "\n"), "expected number of columns"),
    "csv short line": ("csv", lambda path: damage_line(path, "a,b\n"), "expected number of columns"),
    "csv open quote": ("csv", lambda path: damage_line(path, '"a'), "cannot be read"),
    "csv column twice": ("csv", lambda path: path.write_text("account_id,at,at\na,b,c\n"), "the column 'at' more than"),
    "csv is parquet": ("csv", lambda path: small_tables()["accounts"].to_parquet(path), "is not UTF-8"),
}


WIDELY = ("parquet truncated", "csv semicolons", "csv long line")
DAMAGED = [("posts", kind) for kind in DAMAGE if kind not in WIDELY]
DAMAGED += [(table, kind) for table in CONTRACT for kind in WIDELY]


@pytest.mark.parametrize(("table", "kind"), DAMAGED)
def test_each_table_may_be_damaged(table, kind, tmp_path):
    form, damage, says = DAMAGE[kind]
    source = small_source(tmp_path, form=form)
    damage(source / f"{table}.{form}")
    report = check(source)
    problem = found(report, table, "unreadable")
    assert problem.severity == "error"
    assert says.lower() in problem.message.lower()
    assert "\n" not in problem.message
    assert [other.table for other in report.problems if other.severity == "error"] == [table]
    assert set(report.tables) == set(CONTRACT) - {table}
    with pytest.raises(DataError, match=f"^{table}: ") as caught:
        open_tables(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", CONTRACT)
def test_damaged_pages_are_found_by_the_check(table, tmp_path):
    source = small_source(tmp_path)
    damage_pages(source / f"{table}.parquet")
    report = check(source)
    assert found(report, table, "unreadable").severity == "error"
    assert {problem.table for problem in report.problems if problem.severity == "error"} == {table}


def test_latin_1_deep_in_a_csv_is_found_by_both(tmp_path):
    tables = small_tables()
    tables["posts"] = pd.concat([tables["posts"].assign(post_id=lambda x, n=n: x.post_id + str(n)) for n in range(40)])
    source = write_source(tables, tmp_path, form="csv")
    path = source / "posts.csv"
    data = path.read_bytes()
    assert len(data) > 1 << 17
    path.write_bytes(data[:-1000] + data[-1000:].replace(b"look", b"l\xe9k", 1))
    assert "utf-8" in found(check(source), "posts", "unreadable").message
    with pytest.raises(DataError, match="posts: .*utf-8"):
        open_tables(source)


def test_table_present_twice_names_both_files(tmp_path):
    source = small_source(tmp_path)
    small_tables()["followers"].to_csv(source / "followers.csv")
    (source / "audiences").mkdir()
    report = check(source)
    assert "followers.parquet and followers.csv" in found(report, "followers", "ambiguous-table").message
    assert "audiences.parquet and audiences; keep one" in found(report, "audiences", "ambiguous-table").message
    with pytest.raises(DataError, match=r"audiences.parquet and audiences; keep one of them. \(And 1 more"):
        open_tables(source)


def test_folder_without_parts(tmp_path):
    source = small_source(tmp_path, form="parts")
    for part in (source / "posts").iterdir():
        part.unlink()
    assert "has no .parquet files" in found(check(source), "posts", "unreadable").message


@pytest.mark.parametrize("table", CONTRACT)
def test_each_table_may_be_a_broken_view_of_a_database(table, tmp_path):
    source = small_source(tmp_path, form="duckdb")
    with duckdb.connect(str(source)) as connection:
        for sql in ("CREATE TABLE x AS SELECT 1", "DROP TABLE {}", "CREATE VIEW {} AS SELECT * FROM x", "DROP TABLE x"):
            connection.execute(sql.format(table)).fetchall()
    report = check(source)
    assert found(report, table, "unreadable")
    assert [problem.table for problem in report.problems] == [table]
    with pytest.raises(DataError, match=f"^{table}: The table in data.duckdb cannot be read"):
        open_tables(source)


@pytest.mark.parametrize("form", FORMS)
def test_problems_of_all_tables_are_reported_at_once(form, tmp_path):
    tables = small_tables()
    del tables["campaign_audience"]
    tables["accounts"].loc[0, "platform"] = "TikTok"
    tables["account_stats"] = tables["account_stats"].drop(columns="followers")
    tables["posts"].loc[[1, 2], ["likes", "views"]] = -1
    tables["posts"].loc[5, "account_id"] = "nobody"
    tables["audiences"]["share"] *= 100
    tables["campaigns"].loc[0, "goal"] = "sales"
    tables["outcomes"].loc[0, "closed_at"] -= pd.Timedelta(days=100)
    report = check(write_source(tables, tmp_path / "data", form=form))
    assert [(problem.severity, place(problem), problem.rule, problem.rows) for problem in report.problems] == [
        ("error", "account_stats.followers", "missing-column", 0),
        ("error", "posts.account_id", "dangling-reference", 1),
        ("error", "posts.likes", "negative-count", 2),
        ("error", "posts.views", "negative-count", 2),
        ("error", "audiences.share", "share-in-percent", 40),
        ("error", "campaigns.goal", "unknown-goal", 1),
        ("error", "outcomes.closed_at", "closed-before-decided", 1),
        ("warning", "accounts.platform", "platform-not-lower-case", 1),
        ("warning", "campaign_audience", "missing-optional-table", 0),
    ]


def test_unreadable_tables_do_not_hide_the_others(tmp_path):
    source = small_source(tmp_path, form="csv")
    (source / "accounts.csv").write_bytes(b"\xff\xfe\x00")
    path = source / "outcomes.csv"
    path.write_text(path.read_text() + "c00,nobody,2024-03-01 10:00:00,,-5,,,one,2024-04-01 10:00:00,,\n")
    report = check(source)
    assert [(place(problem), problem.rule) for problem in report.problems] == [
        ("accounts", "unreadable"),
        ("outcomes.actions", "wrong-type"),
        ("outcomes.fee", "negative-amount"),
    ]


def test_examples_are_five_at_most(tmp_path):
    tables = small_tables()
    tables["posts"]["likes"] = -1.0
    problem = found(check(write_source(tables, tmp_path)), "posts.likes", "negative-count")
    assert problem.rows == 65
    assert len(set(problem.examples)) == len(problem.examples) <= 5


def test_refused_rows_are_written_as_they_were_received(tmp_path):
    tables = small_tables()
    tables["posts"]["note"] = "kept"
    tables["posts"]["likes"] = tables["posts"]["likes"].astype("object")
    tables["posts"].loc[7, "likes"] = "1,234"
    tables["posts"].loc[[1, 2], "views"] = -1
    tables["posts"].loc[[2, 3], "saves"] = -1
    tables["outcomes"] = pd.concat([tables["outcomes"], tables["outcomes"].head(1).assign(fee=1.0)])
    tables["accounts"].loc[0, "platform"] = "TikTok"
    report = check(write_source(tables, tmp_path / "data", form="csv"))
    paths = report.refused(tmp_path / "re'fused" / "rows")
    rows = {path.name: pd.read_parquet(path) for path in paths}
    assert set(rows) == {
        "posts.wrong-type.parquet",
        "posts.negative-count.parquet",
        "outcomes.duplicate-key.parquet",
    }
    wrong = rows["posts.wrong-type.parquet"]
    assert list(wrong.columns) == list(tables["posts"].columns)
    assert wrong[["post_id", "likes", "note"]].to_numpy().tolist() == [["p07", "1,234", "kept"]]
    assert sorted(rows["posts.negative-count.parquet"]["post_id"]) == ["p01", "p02", "p03"]
    assert sorted(rows["outcomes.duplicate-key.parquet"]["fee"]) == ["1.0", "99.5"]


@pytest.mark.parametrize("form", FORMS)
def test_every_refused_row_is_counted_in_the_report(form, tmp_path):
    tables = small_tables()
    tables["posts"].loc[[1, 2], "views"] = -1
    tables["posts"].loc[64, "account_id"] = "a09"
    tables["campaigns"].loc[4, "goal"] = "none"
    tables["interactions"].loc[[3, 4], "account_id"] = "nobody"
    report = check(write_source(tables, tmp_path / "data", form=form))
    written = {path.name: len(pd.read_parquet(path)) for path in report.refused(tmp_path / "refused")}
    assert written == {f"{p.table}.{p.rule}.parquet": p.rows for p in report.problems if p.severity == "error"}
    assert len(written) == 4


def test_nothing_is_written_where_nothing_is_refused(tmp_path):
    assert check(small_source(tmp_path)).refused(tmp_path / "refused") == []


def test_report_as_json(tmp_path):
    tables = small_tables()
    tables["posts"].loc[[1, 2], "views"] = -1
    report = check(write_source(tables, tmp_path))
    written = json.loads(json.dumps(report.to_dict()))
    assert written["ok"] is False
    assert written["tables"]["posts"] == 65
    [problem] = written["problems"]
    assert problem == {
        "table": "posts",
        "column": "views",
        "rule": "negative-count",
        "severity": "error",
        "rows": 2,
        "examples": ["p01", "p02"],
        "message": "2 rows below 0, such as '-1'; a count is 0 or more, and null where it was not measured.",
    }
    assert str(report) == f"error: posts.views: negative-count: {problem['message']} [p01, p02]"


@pytest.mark.parametrize("source", ["", "nowhere", "postgresql://host/db", None, 3])
def test_what_is_no_source_is_an_error(source):
    with pytest.raises(DataError):
        check(source)


@pytest.mark.skipif(not REAL.exists(), reason="the real data set ../shared/data/facebook-live is not on this machine")
def test_real_data_passes():
    report = check(REAL)
    assert report.ok
    assert {problem.rule for problem in report.problems} == {"missing-optional-table"}
