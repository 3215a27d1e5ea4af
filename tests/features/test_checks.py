"""Everything that may be wrong with data is found, all at once, and named so that it can be put right."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from features.checks import check
from features.errors import DataError, ImpelError, SettingError
from features.sources import open_tables
from features.tables import CONTRACT
from tests.features.bad_data import BAD, Bad
from tests.small_source import FORMS, small_source, small_tables, write_source

REAL = Path(__file__).parents[2] / "../shared/data/facebook-live"
REQUIRED = [name for name, table in CONTRACT.items() if table.required]


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
def test_bad_data_is_reported_and_never_a_traceback(bad: Bad, form: str, tmp_path: Path) -> None:
    concerned = {*REQUIRED, bad.place.partition(".")[0]}
    tables = {name: table for name, table in small_tables().items() if name in concerned}
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


def test_only_what_is_wrong_is_reported(tmp_path: Path) -> None:
    tables = small_tables()
    tables["posts"].loc[3, "likes"] = -1
    report = check(write_source(tables, tmp_path))
    assert [(place(problem), problem.rule) for problem in report.problems] == [("posts.likes", "negative-count")]


@pytest.mark.parametrize("form", FORMS)
def test_valid_data_has_no_problems(form: str, tmp_path: Path) -> None:
    report = check(small_source(tmp_path / "data", form=form))
    assert str(report) == "No problems."
    assert report.ok
    assert report.tables == {name: len(table) for name, table in small_tables().items()}


@pytest.mark.parametrize("form", ["parquet", "csv", "duckdb"])
@pytest.mark.parametrize("table", CONTRACT)
def test_each_table_may_be_missing(table: str, form: str, tmp_path: Path) -> None:
    source = small_source(tmp_path, form=form)
    if form == "duckdb":
        with duckdb.connect(str(source)) as connection:
            connection.execute(f"DROP TABLE {table}").fetchall()
    else:
        (source / f"{table}.{form}").unlink()
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
def test_each_table_may_be_empty(table: str, form: str, tmp_path: Path) -> None:
    small_source(tmp_path, form=form)
    source = write_source({table: small_tables()[table].head(0)}, tmp_path, form=form)
    problem = found(check(source), table, "empty-table")
    assert problem.severity == ("error" if table in REQUIRED else "warning")
    read_all(source)


@pytest.mark.parametrize("table", CONTRACT)
def test_each_required_column_may_be_missing(table: str) -> None:
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
def test_each_nullable_column_may_be_missing(table: str) -> None:
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
    "csv column in two cases": ("csv", lambda path: path.write_text("post_id,at,At\na,b,c\n"), "'At' more than once"),
    "csv blank first line": ("csv", lambda path: path.write_text("\n" + path.read_text()), "starts with a blank line"),
    "csv is a folder": ("csv", lambda path: (path.unlink(), path.mkdir()), "posts.csv cannot be read"),
    "csv is parquet": ("csv", small_tables()["accounts"].to_parquet, "is not UTF-8"),
}


WIDELY = ("parquet truncated", "csv semicolons", "csv long line")
DAMAGED = [("posts", kind) for kind in DAMAGE if kind not in WIDELY]
DAMAGED += [(table, kind) for table in CONTRACT for kind in WIDELY]


@pytest.mark.parametrize(("table", "kind"), DAMAGED)
def test_each_table_may_be_damaged(table: str, kind: str, tmp_path: Path) -> None:
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
def test_damaged_pages_are_found_by_the_check(table: str, tmp_path: Path) -> None:
    source = small_source(tmp_path)
    damage_pages(source / f"{table}.parquet")
    report = check(source)
    assert found(report, table, "unreadable").severity == "error"
    assert {problem.table for problem in report.problems if problem.severity == "error"} == {table}


def test_latin_1_deep_in_a_csv_is_found_by_both(tmp_path: Path) -> None:
    tables = small_tables()
    tables["posts"] = pd.concat([tables["posts"].assign(post_id=lambda x, n=n: x.post_id + str(n)) for n in range(40)])
    source = write_source(tables, tmp_path, form="csv")
    path = source / "posts.csv"
    data = path.read_bytes()
    assert len(data) > 1 << 17
    path.write_bytes(data[:-1000] + data[-1000:].replace(b"look", b"l\xe9k", 1))
    assert "utf-8" in found(check(source), "posts", "unreadable").message
    with pytest.raises(DataError, match=r"posts: .*utf-8"):
        open_tables(source)


def test_table_present_twice_names_both_files(tmp_path: Path) -> None:
    source = small_source(tmp_path)
    small_tables()["followers"].to_csv(source / "followers.csv")
    (source / "audiences").mkdir()
    report = check(source)
    assert "followers.parquet and followers.csv" in found(report, "followers", "ambiguous-table").message
    assert "audiences.parquet and audiences; keep one" in found(report, "audiences", "ambiguous-table").message
    with pytest.raises(DataError, match=r"audiences.parquet and audiences; keep one of them. \(And 1 more"):
        open_tables(source)


@pytest.mark.parametrize("name", ["posts.csv.gz", "Posts.csv", "post.csv", "posts.tsv"])
def test_files_of_other_names_are_named(name: str, tmp_path: Path) -> None:
    source = small_source(tmp_path, form="csv")
    (source / "posts.csv").rename(source / name)
    message = found(check(source), "posts", "missing-table").message
    assert f"There is {name!r}, but only posts.parquet, posts/ or posts.csv is read." in message


def test_folder_without_parts(tmp_path: Path) -> None:
    source = small_source(tmp_path, form="parts")
    for part in (source / "posts").iterdir():
        part.unlink()
    assert "has no .parquet files" in found(check(source), "posts", "unreadable").message


@pytest.mark.parametrize("table", CONTRACT)
def test_each_table_may_be_a_broken_view_of_a_database(table: str, tmp_path: Path) -> None:
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
def test_problems_of_all_tables_are_reported_at_once(form: str, tmp_path: Path) -> None:
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


def test_unreadable_tables_do_not_hide_the_others(tmp_path: Path) -> None:
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


def test_examples_are_five_at_most(tmp_path: Path) -> None:
    tables = small_tables()
    tables["posts"]["likes"] = -1.0
    problem = found(check(write_source(tables, tmp_path)), "posts.likes", "negative-count")
    assert problem.rows == 65
    assert len(set(problem.examples)) == len(problem.examples) <= 5


def test_refused_rows_are_written_as_they_were_received(tmp_path: Path) -> None:
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
def test_every_refused_row_is_counted_in_the_report(form: str, tmp_path: Path) -> None:
    tables = small_tables()
    tables["posts"].loc[[1, 2], "views"] = -1
    tables["posts"].loc[64, "account_id"] = "a09"
    tables["campaigns"].loc[4, "goal"] = "none"
    tables["interactions"].loc[[3, 4], "account_id"] = "nobody"
    report = check(write_source(tables, tmp_path / "data", form=form))
    written = {path.name: len(pd.read_parquet(path)) for path in report.refused(tmp_path / "refused")}
    assert written == {f"{p.table}.{p.rule}.parquet": p.rows for p in report.problems if p.severity == "error"}
    assert len(written) == 4


def test_refused_rows_need_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingError, match=r"Refused rows cannot be written to .*file"):
        check(small_source(tmp_path / "data")).refused(tmp_path / "file")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_random_damage_never_is_a_traceback(form: str, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    source = small_source(tmp_path, form=form)
    for table in CONTRACT:
        path = source / f"{table}.{form}"
        data = bytearray(path.read_bytes())
        for place in random.integers(len(data), size=3):
            data[place : place + random.integers(2)] = random.choice([b'"', b",", b"\n", b"\xff", b"-", b"0", b""])
        path.write_bytes(bytes(data))
    assert "\n\n" not in str(check(source))
    with contextlib.suppress(ImpelError):
        read_all(source)


def test_nothing_is_written_where_nothing_is_refused(tmp_path: Path) -> None:
    assert check(small_source(tmp_path)).refused(tmp_path / "refused") == []


def test_report_as_json(tmp_path: Path) -> None:
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
def test_what_is_no_source_is_an_error(source: Any) -> None:
    with pytest.raises(DataError):
        check(source)


@pytest.mark.skipif(not REAL.exists(), reason="the real data set ../shared/data/facebook-live is not on this machine")
def test_real_data_passes() -> None:
    report = check(REAL)
    assert report.ok
    assert {problem.rule for problem in report.problems} == {"missing-optional-table"}
