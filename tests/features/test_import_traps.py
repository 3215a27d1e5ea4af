"""The traps of exports: each value becomes what is meant, or the row is refused with the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from features.errors import DataError
from tests.features.provider_files import EXPORTED, imported, table, written

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = """
name = "mine"
title = "One column"
version = 1

[[file]]
name = "all"
format = "csv"
export = "the file"

[[file.table]]
table = "{table}"

[file.table.columns]
{columns}
"""
POST = """post_id = {{ from = "Id" }}
account_id = {{ value = "instagram:anna" }}
published_at = {{ from = "When", {time} }}
views = {{ from = "Views", {views} }}"""


def read_posts(
    folder: Path, rows: list[str], *, time: str = 'zone = "UTC"', views: str = "note = ''"
) -> tuple[pd.DataFrame, list[str]]:
    """Import rows of id, time and views; return posts by id, and why rows were refused."""
    columns = POST.format(time=time, views=views)
    mapping = written(folder, "mine.toml", MAPPING.format(table="posts", columns=columns))
    report = imported(folder, "mine", "all.csv", "\n".join(["Id;When;Views", *rows]) + "\n", mapping=mapping)
    return table(folder, "posts").set_index("post_id"), list(report.files[0].tables["posts"].refused)


# what is written, and what it becomes; None where nothing was measured
NUMBERS: dict[str, float | None] = {
    "1234": 1234,
    "1,234,567": 1_234_567,
    "1\u202f234": 1234,
    "1.2K": 1200,
    "3.45M": 3_450_000,
    "1234.0": 1234,
    "1.2E+3": 1200,
    "0": 0,
    "": None,
    "-": None,
    "N/A": None,
}
NO_NUMBERS = ("1.234", "1,23", "many", "12%")


def test_numbers_as_texts(tmp_path: Path) -> None:
    rows = [f"{n};2026-05-01;{text}" for n, text in enumerate([*NUMBERS, *NO_NUMBERS])]
    found, refused = read_posts(tmp_path, rows)
    views = found["views"]
    assert {text: None if pd.isna(views[str(n)]) else views[str(n)] for n, text in enumerate(NUMBERS)} == NUMBERS
    assert len(found) == len(NUMBERS)
    assert f"{len(NO_NUMBERS)} rows with" in refused[0]
    assert "no whole number (with the decimal mark '.')" in refused[0]


def test_a_decimal_comma_is_said_not_guessed(tmp_path: Path) -> None:
    found, refused = read_posts(tmp_path, ["1;2026-05-01;1.234,00"], views='decimal = ","')
    assert not refused
    assert found["views"].tolist() == [1234]


SHARES = """account_id = { value = "instagram:anna" }
observed_at = { value = "2026-05-01" }
dimension = { value = "country" }
bucket = { from = "Code" }
share = { from = "Share", scale = SCALE }"""


@pytest.mark.parametrize(
    ("scale", "meant", "refused"),
    [
        (1, {"0.25": 0.25, "25.5%": 0.255, "0": 0.0}, ("25", "1.2")),
        (100, {"25": 0.25, "0.5": 0.005, "25.5 %": 0.255, "0": 0.0}, ("101",)),
    ],
)
def test_scales_of_percentages(scale: int, meant: dict[str, float], refused: tuple[str, ...], tmp_path: Path) -> None:
    columns = SHARES.replace("SCALE", str(scale))
    mapping = written(tmp_path, "mine.toml", MAPPING.format(table="audiences", columns=columns))
    content = "Code;Share\n" + "".join(f"{text};{text}\n" for text in [*meant, *refused])
    report = imported(tmp_path, "mine", "all.csv", content, mapping=mapping)
    found = table(tmp_path, "audiences").set_index("bucket")["share"]
    assert found.to_dict() == pytest.approx(meant)
    assert f"no share of at most {scale}" in next(iter(report.files[0].tables["audiences"].refused))


TIMES: dict[str, tuple[str, str]] = {
    "2026-05-01T10:00:00+02:00": ('time = "iso"', "2026-05-01 08:00"),
    "2026-05-01 10:00:00 -0700": ('time = "iso"', "2026-05-01 17:00"),
    "2026-05-01T10:00:00.5Z": ('zone = "Asia/Tokyo"', "2026-05-01 10:00:00.5"),
    "2026-05-01 10:00": ('zone = "Europe/Berlin"', "2026-05-01 08:00"),
    "2026-01-01 10:00": ('zone = "Europe/Berlin"', "2026-01-01 09:00"),
    "1777629600": ('time = "seconds"', "2026-05-01 10:00"),
    "1777629600500": ('time = "milliseconds"', "2026-05-01 10:00:00.5"),
    "5/1/2026": ('time = "%m/%d/%Y", zone = "UTC"', "2026-05-01"),
    "2026-04": ('time = "%Y-%m", zone = "UTC", until = "month"', "2026-05-01"),
}


def test_local_times_and_forms_of_time(tmp_path: Path) -> None:
    text = MAPPING[: MAPPING.index("[[file.table]]")]
    for n, (how, _) in enumerate(TIMES.values()):
        columns = POST.format(time=how, views="note = ''")
        text += f'[[file.table]]\ntable = "posts"\nonly = {{ Id = ["{n}"] }}\n[file.table.columns]\n{columns}\n'
    rows = "".join(f"{n};{written_};5\n" for n, written_ in enumerate(TIMES))
    imported(tmp_path, "mine", "all.csv", f"Id;When;Views\n{rows}", mapping=written(tmp_path, "mine.toml", text))
    found = table(tmp_path, "posts")["published_at"]
    assert found.tolist() == [pd.Timestamp(meant) for _, meant in TIMES.values()]


def test_a_time_of_another_form_is_refused(tmp_path: Path) -> None:
    found, refused = read_posts(tmp_path, ["1;yesterday;5", "2;2026-13-01;5", "3;05/01/2026;5", "4;2026-05-01;5"])
    assert list(found.index) == ["4"]
    assert "3 rows with '05/01/2026', which is no time of the form" in refused[0]


def test_an_id_that_a_spreadsheet_has_rounded_is_refused(tmp_path: Path) -> None:
    found, refused = read_posts(tmp_path, ["1.78E+16;2026-05-01;5", "2;2026-05-01;5"])
    assert list(found.index) == ["2"]
    assert "a spreadsheet has rounded it" in refused[0]


def test_repeated_rows_become_one_and_are_counted(tmp_path: Path) -> None:
    found, _ = read_posts(tmp_path, ["1;2026-05-01;5", "1;2026-05-01;5"])
    assert len(found) == 1
    (entry,) = json.loads((tmp_path / "data" / "provenance.json").read_text())["imports"].values()
    assert entry["tables"]["posts"]["repeated"] == 1


def media(number: int, name: str) -> dict[str, object]:
    insights = {"data": [{"name": name, "values": [{"value": 5}]}]}
    return {"id": str(number), "username": "anna", "timestamp": "2026-05-01T10:00:00+0000", "insights": insights}


def test_impressions_stand_in_for_views_and_it_is_said(tmp_path: Path) -> None:
    files = {"data": [media(1, "views"), media(2, "impressions"), media(3, "plays"), media(4, "reach")]}
    report = imported(tmp_path, "instagram", "media.json", files, exported_at=EXPORTED)
    used = report.files[0].tables["posts"].alternatives["views"]
    assert list(used.values()) == [1, 1, 1]
    assert table(tmp_path, "posts")["views"].fillna(-1).tolist() == [5, 5, 5, -1]


FEES = "campaign_id,account_id,fee,currency\nc1,instagram:anna,100,EUR\nc1,tiktok:bea,90,USD\n"


def test_several_currencies_are_refused_unless_one_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fee is in EUR \(1 rows\) and USD \(1 rows\); Impel reads one currency"):
        imported(tmp_path, "tables", "activations.csv", FEES)
    report = imported(tmp_path, "tables", "activations.csv", FEES, currency="EUR")
    (message,) = report.files[0].tables["activations"].refused
    assert "'USD'; only EUR was asked for" in message
    with pytest.raises(DataError, match="one folder has one currency"):
        imported(tmp_path, "tables", "more.csv", FEES.replace("EUR", "USD"))
