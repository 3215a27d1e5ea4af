"""`impel import`: the way of the page on importing, step by step, and what is said at each."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from features.importers.mapping import load, providers
from tests.command import impel
from tests.features.provider_files import CAMPAIGNS, CODES, ORDERS, POSTS, written

PAGE = Path(__file__).parents[2] / "docs" / "importing.md"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {"campaigns": CAMPAIGNS, "codes": CODES, "posts": POSTS, "orders": ORDERS}.items():
        written(tmp_path, f"{name}.csv", content)


@pytest.mark.usefixtures("files")
def test_the_way_of_the_page() -> None:
    commands = re.findall(r"^impel ((?:import|check) .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[:5]
    said = [impel(*command.split()) for command in commands]
    assert [result.exit_code for result in said] == [0] * 5, [result.stderr for result in said]
    dry, posts, own, orders, checked = said
    assert "views <- Views or Impressions: '1200', '900'" in dry.stdout
    assert "tables:" not in dry.stdout
    assert "still lacks campaigns: written by you" in posts.stderr
    assert "no export says what was ordered" in own.stderr
    assert "tables: accounts 3, account_stats 2, posts 2, campaigns 1, outcomes 3" in orders.stdout
    assert "still lacks" not in orders.stderr
    assert "error:" not in checked.stdout


@pytest.mark.usefixtures("files")
def test_the_same_again_says_so_and_json_has_everything() -> None:
    first = json.loads(impel("import", "shopify", "orders.csv", "--out", "data", "--json").stdout)
    assert first["files"][0]["tables"]["conversions"]["kept"] == 6
    assert any(lack.startswith("campaigns:") for lack in first["lacks"])
    again = impel("import", "shopify", "orders.csv", "--out", "data")
    assert "orders.csv: imported before; nothing changes" in again.stdout


@pytest.mark.parametrize("provider", providers())
def test_every_provider_is_described(provider: str) -> None:
    rows = json.loads(impel("import", provider, "--describe", "--json").stdout)
    assert {row["file"] for row in rows} == {shape.name for shape in load(provider).shapes}
    assert all(row["becomes"] or row["how"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Give a provider: creatoriq, "),
        (["shopify"], 2, "Give FILE... and --out DATA, or --dry-run, or --describe."),
        (["shopify", "orders.csv"], 2, "Give FILE... and --out DATA"),
        (["shopify", "posts.csv", "--out", "data"], 1, "error: posts.csv lacks "),
        (["shopify", "order.csv", "--out", "data"], 1, "error: order.csv cannot be read: No such file"),
    ],
)
@pytest.mark.usefixtures("files")
def test_wrong_use_is_told_in_one_line(arguments: list[str], code: int, message: str) -> None:
    result = impel("import", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
