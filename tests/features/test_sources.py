"""Whatever form a source has, the same tables come out of it, or one line that says what to do."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError, ImpelError, SettingError
from features.sources import open_tables
from features.tables import CONTRACT, SQL_TYPES
from tests.small_source import FORMS, small_source, small_tables, write_source

if TYPE_CHECKING:
    from collections.abc import Callable

REAL = Path(__file__).parents[2] / "../shared/data/facebook-live"
DTYPES = {
    "id": "str",
    "text": "str",
    "code": "str",
    "time": "datetime64[us]",
    "count": "int64",
    "number": "float64",
    "share": "float64",
    "flag": "boolean",
    "list": "object",
}


def frames(source: Any) -> dict[str, pd.DataFrame]:
    with open_tables(source) as tables:
        return {name: tables.frame(name) for name in CONTRACT}


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values([name for name in frame if name != "topics"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def expected() -> dict[str, pd.DataFrame]:
    """The small tables as they were made, with the contract's types."""
    found = {}
    for name, frame in small_tables().items():
        counts = {c.name: "float64" for c in CONTRACT[name].columns if c.kind == "count" and c.nullable}
        found[name] = in_order(frame.astype({c.name: DTYPES[c.kind] for c in CONTRACT[name].columns} | counts))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_frames(form: str, tmp_path: Path, expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in frames(small_source(tmp_path / "data", form=form)).items():
        pd.testing.assert_frame_equal(in_order(frame), expected[name])


def test_arrow_tables_give_the_same_frames(expected: dict[str, pd.DataFrame]) -> None:
    tables = {name: pa.Table.from_pandas(frame) for name, frame in small_tables().items()}
    for name, frame in frames(tables).items():
        pd.testing.assert_frame_equal(in_order(frame), expected[name])


@pytest.mark.parametrize("form", FORMS)
def test_views_have_the_columns_and_types_of_the_contract(form: str, tmp_path: Path) -> None:
    given = small_tables()
    del given["followers"]
    given["posts"] = given["posts"].drop(columns=["saves", "topics", "observed_at"])
    with open_tables(write_source(given, tmp_path / "data", form=form)) as tables:
        for name, table in CONTRACT.items():
            described = tables.connection.execute(f"DESCRIBE {name}").fetchall()
            assert [row[:2] for row in described] == [(c.name, SQL_TYPES[c.kind]) for c in table.columns]
        assert tables.connection.execute("SELECT count(*) FROM followers").fetchall() == [(0,)]
        assert tables.connection.execute("SELECT count(saves), count(topics) FROM posts").fetchall() == [(0, 0)]
        assert tables.missing == ("followers",)
        assert tables.present == tuple(name for name in CONTRACT if name != "followers")


def test_only_required_tables_are_needed(tmp_path: Path) -> None:
    given = {name: frame for name, frame in small_tables().items() if CONTRACT[name].required}
    with open_tables(write_source(given, tmp_path)) as tables:
        assert tables.missing == ("account_stats", "interactions", "audiences", "followers", "campaign_audience")


MOMENT = dt.datetime(2024, 3, 10, 1, 30, 15, 123456, tzinfo=dt.UTC)
TIMES = {
    "naive": pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us")),
    "UTC": pa.array([MOMENT], pa.timestamp("us", "UTC")),
    "New York": pa.array([MOMENT], pa.timestamp("us", "America/New_York")),
    "Kathmandu, ns": pa.array([MOMENT], pa.timestamp("ns", "Asia/Kathmandu")),
    "ns, rounded down": pa.array([int(MOMENT.timestamp()) * 10**9 + 123_456_999], pa.timestamp("ns")),
    "text, Z": pa.array(["2024-03-10T01:30:15.123456Z"]),
    "text, naive": pa.array([" 2024-03-10 01:30:15.123456 "]),
    "text, offset": pa.array(["2024-03-09T20:30:15.123456-05:00"]),
    "text, short offset": pa.array(["2024-03-10 07:15:15.123456+0545"]),
    "text, ns": pa.array(["2024-03-10T01:30:15.123456999Z"]),
    "category": pa.array(["2024-03-10T01:30:15.123456Z"]).dictionary_encode(),
}


def with_created_at(times: pa.Array) -> dict[str, pa.Table]:
    given = {name: pa.Table.from_pandas(frame.head(1)) for name, frame in small_tables().items()}
    accounts = given["accounts"].drop_columns(["created_at"])
    return given | {"accounts": accounts.append_column("created_at", times)}


@pytest.mark.parametrize("times", TIMES.values(), ids=list(TIMES))
def test_time_zones_and_resolutions_become_utc_microseconds(times: pa.Array, tmp_path: Path) -> None:
    given = with_created_at(times)
    folder = tmp_path / "data"
    folder.mkdir()
    for name, table in given.items():
        pq.write_table(table, folder / f"{name}.parquet")
    for source in (given, folder):
        found = frames(source)["accounts"]["created_at"]
        assert found.dtype == "datetime64[us]"
        assert list(found) == [pd.Timestamp(MOMENT.replace(tzinfo=None))]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([dt.date(2024, 3, 10)]),
        pa.array(np.array(["2024-03-10"], dtype="datetime64[s]")),
        pa.array(np.array(["2024-03-10"], dtype="datetime64[ms]")),
        pa.array(["2024-03-10"]),
    ],
    ids=["date", "seconds", "milliseconds", "text"],
)
def test_days_and_coarse_resolutions_become_utc_microseconds(times: pa.Array) -> None:
    assert list(frames(with_created_at(times))["accounts"]["created_at"]) == [pd.Timestamp("2024-03-10")]


def test_times_before_1970_are_rounded_down_too() -> None:
    times = pa.array([-1], pa.timestamp("ns"))
    found = frames(with_created_at(times))["accounts"]["created_at"]
    assert list(found) == [pd.Timestamp("1969-12-31 23:59:59.999999")]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Bangkok"])
def test_the_time_zone_of_the_machine_does_not_matter(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, pd.DataFrame]
) -> None:
    monkeypatch.setenv("TZ", zone)
    found = frames(small_source(tmp_path / "data", form="csv"))
    pd.testing.assert_frame_equal(in_order(found["outcomes"]), expected["outcomes"])


def test_topics_that_are_all_empty_are_lists() -> None:
    given = small_tables()
    given["campaigns"]["topics"] = pd.Series([[] for _ in range(len(given["campaigns"]))], dtype=object)
    assert [list(topics) for topics in frames(given)["campaigns"]["topics"]] == [[]] * len(given["campaigns"])


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ('["food", "home"]', ["food", "home"]),
        ('["caf\\u00e9; bar"]', ["café; bar"]),
        ("food;home", ["food", "home"]),
        (" food | home ;", ["food", "home"]),
        ("food, drink", ["food, drink"]),
        ("[]", []),
        (None, None),
    ],
)
def test_topics_in_text_are_a_json_array_or_separated(text: str | None, topics: list[str] | None) -> None:
    given = small_tables()
    given["campaigns"]["topics"] = pd.Series([text] * len(given["campaigns"]), dtype="str")
    found = frames(given)["campaigns"]["topics"].iloc[0]
    assert (None if found is None else list(found)) == topics


def test_integers_arrive_in_many_types() -> None:
    given = small_tables()
    rows = len(given["posts"])
    given["posts"] = given["posts"].assign(
        views=np.full(rows, 3, dtype="uint8"),
        likes=np.full(rows, 3.0),
        comments=["3.0"] * rows,
        shares=pd.array([3] * rows, dtype="Int32"),
        saves=[" +3 "] * rows,
        clicks=np.full(rows, 3, dtype="uint64"),
    )
    counts = frames(given)["posts"][["views", "likes", "comments", "shares", "saves", "clicks"]]
    assert (counts == 3).all(axis=None)


def test_ids_given_as_numbers_become_texts() -> None:
    given = small_tables()
    for frame in given.values():
        if "account_id" in frame:
            frame["account_id"] = frame["account_id"].str[1:].astype("int64")
    given["posts"]["sponsor_id"] = np.where(given["posts"]["sponsor_id"].isna(), np.nan, 12.0)
    found = frames(given)
    assert set(found["accounts"]["account_id"]) == {str(i) for i in range(10)}
    assert set(found["posts"]["sponsor_id"].dropna()) == {"12"}


def test_flags_arrive_as_numbers_and_words() -> None:
    given = small_tables()
    rows = len(given["followers"])
    given["followers"]["has_picture"] = np.resize([1.0, 0.0, np.nan], rows)
    given["followers"]["is_private"] = np.resize(np.array(["Yes", "false", "0"]), rows)
    found = frames(given)["followers"]
    assert list(found["has_picture"].iloc[:3]) == [True, False, pd.NA]
    assert list(found["is_private"].iloc[:3]) == [True, False, False]


@pytest.mark.parametrize("form", ["parquet", "parts", "csv", "duckdb"])
@pytest.mark.parametrize(
    "name", ["it's; DROP TABLE posts; --", "a[1]*?", "year=2024", "ünï cödé", "back\\slash", '"q"']
)
def test_odd_folder_names_are_only_names(form: str, name: str, tmp_path: Path) -> None:
    source = small_source(tmp_path / "plain", form=form)
    (tmp_path / "a1xy").mkdir()  # what a wildcard would find as well
    small_source(tmp_path / "a1xy" / "a1xy", form=form)
    (tmp_path / name).mkdir()
    (tmp_path / "plain").rename(tmp_path / name / name)
    source = tmp_path / name / name / source.relative_to(tmp_path / "plain")
    if form == "duckdb" and "\\" in name:
        with pytest.raises(DataError, match="cannot be opened as a DuckDB file"):  # DuckDB takes it for a separator
            open_tables(source)
    else:
        assert len(frames(source)["posts"]) == 65


def test_odd_column_names_are_only_names(tmp_path: Path) -> None:
    given = small_tables()
    given["accounts"]["""x'); "DROP TABLE" posts; --"""] = 1
    given["accounts"][" "] = 1
    for form in FORMS:
        assert len(frames(write_source(given, tmp_path / form, form=form))["accounts"]) == 10


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    folder = small_source(tmp_path)
    (folder / "notes.txt").write_text("hello")
    (folder / "truth.parquet").write_text("no Parquet at all")
    assert len(frames(folder)["accounts"]) == 10


def test_parts_may_differ_in_nullable_columns_and_lie_in_folders(tmp_path: Path) -> None:
    folder = small_source(tmp_path, form="parts")
    part = folder / "posts" / "part-1.parquet"
    pd.read_parquet(part).drop(columns="saves")[::-1].to_parquet(part)
    (folder / "posts" / "year=2024").mkdir()
    part.rename(folder / "posts" / "year=2024" / "part.parquet")
    (folder / "posts" / "_SUCCESS").touch()
    (folder / "posts" / "_temporary.parquet").write_text("half written")
    found = frames(folder)["posts"]
    assert len(found) == 65
    assert list(found.columns) == [column.name for column in CONTRACT["posts"].columns]


def test_duckdb_file_is_opened_read_only(tmp_path: Path) -> None:
    path = small_source(tmp_path, form="duckdb")
    before = path.read_bytes()
    path.chmod(0o444)
    with open_tables(path) as tables, pytest.raises(duckdb.Error, match="read-only"):
        tables.connection.execute("DELETE FROM source.main.posts")
    assert path.read_bytes() == before


def test_frames_are_not_changed() -> None:
    given = small_tables()
    frames(given)
    for name, frame in small_tables().items():
        pd.testing.assert_frame_equal(given[name], frame)


@pytest.mark.parametrize("form", FORMS)
def test_fingerprint_changes_with_the_content_only(form: str, tmp_path: Path) -> None:
    def fingerprint(source: Any) -> str:
        with open_tables(source) as tables:
            return tables.fingerprint

    source = small_source(tmp_path / "data", form=form)
    first = fingerprint(source)
    assert fingerprint(source) == first
    changed = small_tables()
    changed["accounts"].loc[0, "platform"] = "facebook"
    if form == "frames":
        assert fingerprint(small_tables()) == first
        assert fingerprint(changed) != first
    else:
        shutil.rmtree(tmp_path / "data")
        assert fingerprint(write_source(changed, tmp_path / "data", form=form)) != first


def test_unknown_table_of_frame_names_the_nearest(tmp_path: Path) -> None:
    with (
        open_tables(small_source(tmp_path)) as tables,
        pytest.raises(SettingError, match=r"There is no table 'post' .* Did you mean 'posts'\?"),
    ):
        tables.frame("post")


def test_damage_found_late_is_a_data_error(tmp_path: Path) -> None:
    folder = small_source(tmp_path)
    path = folder / "posts.parquet"
    path.write_bytes(path.read_bytes()[:4] + b"\xff" * 400 + path.read_bytes()[404:])  # pages, not the footer
    with open_tables(folder) as tables, pytest.raises(DataError, match="posts: it cannot be read"):
        tables.frame("posts")


@pytest.mark.skipif(not REAL.exists(), reason="the real data set ../shared/data/facebook-live is not on this machine")
def test_real_data_opens() -> None:
    found = frames(REAL)
    assert {name: len(frame) for name, frame in found.items() if len(frame)} == {
        "accounts": 9,
        "posts": 6997,
        "campaigns": 2333,
        "outcomes": 2333,
    }


def no_source(folder: Path) -> Path:
    return folder / "dta"


BAD_SOURCES = {
    "nothing there": (no_source, "There is no data at .*dta'; give a folder .* Did you mean 'data'?"),
    "empty name": (lambda _: "", "Data is read from a folder .*; received ''"),
    "None": (lambda _: None, "Data is read from a folder .*; received 'None'"),
    "list": (lambda _: [1], "Data is read from a folder"),
    "database of another kind": (
        lambda _: "oracle://me:secret@host/db",
        "Of databases postgresql, .* are read; received 'oracle://...'",
    ),
    "path with a null byte": (lambda _: "a\0b", "There is no data at|cannot be read"),
    "a single table": (
        lambda folder: folder / "data" / "posts.parquet",
        "posts.parquet is a single file; give a folder",
    ),
    "empty folder": (lambda folder: folder / "empty", "accounts: The table is missing; .*3 more"),
    "empty mapping": (lambda _: {}, "accounts: The table is missing"),
    "not DuckDB": (lambda folder: folder / "text.duckdb", "text.duckdb cannot be opened as a DuckDB file"),
    "empty DuckDB": (lambda folder: folder / "empty.duckdb", "accounts: The table is missing|cannot be opened"),
}


@pytest.mark.parametrize(("make", "message"), BAD_SOURCES.values(), ids=list(BAD_SOURCES))
def test_what_is_no_source(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    small_source(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.duckdb").write_text("hello " * 1000)
    (tmp_path / "empty.duckdb").touch()
    with pytest.raises(DataError, match=message) as caught:
        open_tables(make(tmp_path))
    assert isinstance(caught.value, ImpelError)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
