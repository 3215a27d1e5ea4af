"""`impel scores`: one account's scores with all that they are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features import EventStore, open_tables
from features.social_scores import PERIOD, SCORES, scores_at
from tests.command import impel
from tests.small_source import small_tables, write_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "a03"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMPEL_HOME", str(tmp_path_factory.mktemp("home")))
        tables = small_tables()
        # The account also does something for others.
        tables["interactions"].loc[:4, "actor_id"] = ACCOUNT
        folder = tmp_path_factory.mktemp("data")
        write_source(tables, folder)
        yield folder


def told(data: Path, *options: object) -> dict[str, Any]:
    result = impel("scores", data, "--account", ACCOUNT, "--json", *options)
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_a_card_for_people_fits_the_width(data: Path) -> None:
    result = impel("scores", data, "--account", ACCOUNT)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for text in (
        "Klout, networks",
        "Kred influence",
        "PeerIndex by topic",
        "no standard",
        "Kred statement: the newest",
    ):
        assert any(text in line for line in lines), text


def test_the_statement_adds_up_to_the_points(data: Path) -> None:
    card = told(data, "--statement", 1_000)
    actions = pd.DataFrame(card["statement"]["actions"])
    assert len(actions) == card["statement"]["total"]
    points = actions.groupby("score")["points"].sum()
    assert points["influence"] == card["kred"]["points"] > 0
    assert points["outreach"] == card["kred"]["points_given"] > 0
    assert actions["at"].is_monotonic_decreasing
    newest = told(data, "--statement", 2)["statement"]
    assert newest["actions"] == card["statement"]["actions"][:2]
    assert newest["total"] == card["statement"]["total"]


def test_scores_are_those_that_features_read_where_they_are_published(data: Path) -> None:
    published = pd.Timestamp(PERIOD * 661, unit="us")
    card = told(data, "--as-of", published.isoformat())
    with open_tables(str(data)) as tables:
        store = EventStore.prepare(tables)
    row = store.row_of[ACCOUNT]
    expected = dict(zip(SCORES, scores_at(store, PERIOD * 661)[row], strict=True))
    said = {f"{kind}_{name}": value for kind in ("klout", "kred", "peerindex") for name, value in card[kind].items()}
    said["peerindex"] = said["peerindex_score"]
    for name, value in expected.items():
        assert said[name] == pytest.approx(value, nan_ok=True), name
    assert any(np.isfinite(value) for value in expected.values())


def test_a_card_knows_nothing_of_later(data: Path) -> None:
    newest, before = told(data), told(data, "--as-of", "2024-01-22T12:00:00Z")
    assert before["as_of"] == "2024-01-22 12:00:00"
    assert 0 < len(before["statement"]["actions"]) == before["statement"]["total"]
    assert all(action["at"] <= before["as_of"] for action in before["statement"]["actions"])
    assert before["also"]["past"] == []
    assert newest["also"]["past"]
    long_ago = told(data, "--as-of", "1999-01-01")
    assert long_ago["klout"]["score"] is None
    assert impel("scores", data, "--account", ACCOUNT, "--as-of", "1999-01-01").exit_code == 0


def test_what_marketers_ask_besides(data: Path) -> None:
    tables = {
        name: rows[rows["account_id"] == ACCOUNT] for name, rows in small_tables().items() if "account_id" in rows
    }
    also = told(data, "--as-of", "2024-01-20", "--cpm", 20)["also"]
    moment = pd.Timestamp("2024-01-20")
    stats, posts = tables["account_stats"], tables["posts"]
    assert also["followers"] == stats.sort_values("observed_at")["followers"].iloc[-1]
    known = (posts["published_at"] <= moment - pd.Timedelta(days=3)) & (posts["observed_at"] <= moment)
    newest = posts[known].sort_values("observed_at").drop_duplicates("post_id", keep="last")
    assert also["earned_media_value"] == newest["views"].sum() * 20 / 1_000 > 0
    assert also["engagement_rate"] > 0
    outcomes = tables["outcomes"].merge(small_tables()["campaigns"][["campaign_id", "goal"]])
    means = outcomes.groupby("goal")["actions"].mean()
    past = told(data)["also"]["past"]
    assert {row["goal"]: row["mean_actions"] for row in past} == pytest.approx(dict(means))


def test_without_interactions_there_is_no_kred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPEL_HOME", str(tmp_path / "home"))
    tables = small_tables()
    del tables["interactions"]
    write_source(tables, tmp_path / "data")
    card = told(tmp_path / "data")
    assert card["kred"]["influence"] is None
    assert card["statement"]["total"] == 0
    assert card["klout"]["score"] is not None


BAD = [
    (["--account", "a3"], 1, "There is no account 'a3' in the data. Did you mean 'a0"),
    (["--account", ACCOUNT, "--as-of", "soon"], 2, "'soon' is no moment; write it as 2026-12-01"),
    (["--account", ACCOUNT, "--statement", "-1"], 2, "-1 is not in the range"),
    (["--account", ACCOUNT, "--cpm", "-1"], 2, "-1.0 is not in the range"),
    (["--account", ACCOUNT, "--cpm", "nan"], 2, "'nan' is no finite number."),
    (["--account", ACCOUNT, "--cpm", "inf"], 2, "'inf' is no finite number."),
    ([], 2, "Missing option '--account'"),
]


@pytest.mark.parametrize(("options", "code", "message"), BAD)
def test_errors_are_one_line(data: Path, options: list[str], code: int, message: str) -> None:
    result = impel("scores", data, *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    if code == 1:
        assert len(result.stderr.strip().splitlines()) == 1


def test_help_teaches() -> None:
    text = " ".join(impel("scores", "--help").stdout.split())
    for said in ("computed at the moment itself", "impel scores market --account a00017", "--statement"):
        assert said in text
