"""The command line: what it prints, what it writes, and one line for each thing that is wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tests.command import impel
from training.ranking import lines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("IMPEL_HOME", str(folder))
        patch.delenv("IMPEL_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(scope="module")
def market(home: Path) -> Path:
    folder = home / "market"
    assert impel("simulate", folder, "--influencers", 120, "--campaigns", 30, "--seed", 3).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def settings(home: Path) -> Path:
    """Settings that take little time."""
    path = home / "own.json"
    path.write_text('{"rounds": 20, "leaves": 4, "folds": 2}')
    return path


@pytest.fixture(scope="module")
def trained(market: Path, settings: Path) -> dict[str, Any]:
    result = impel("train", market, "--settings", settings, "--json")
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


@pytest.fixture(scope="module")
def pairs(market: Path, home: Path) -> Path:
    outcomes = pd.read_parquet(market / "outcomes.parquet").sample(20, random_state=0)
    path = home / "pairs.csv"
    asked = outcomes[["campaign_id", "account_id", "decided_at", "fee"]]
    asked.assign(at_least=[3, np.nan] * 10).to_csv(path, index=False)
    return path


COMMANDS = (
    "demo",
    "simulate",
    "check",
    "prepare",
    "append",
    "features",
    "train",
    "backtest",
    "predict",
    "rank",
    "scores",
    "serve",
    "models",
    "promote",
    "tune",
)


@pytest.mark.parametrize("command", [*COMMANDS, "log", "bento", "doctor", "monitor"])
def test_help_teaches(command: str) -> None:
    result = impel(command, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 4


def test_check_says_what_there_is(market: Path) -> None:
    result = impel("check", market, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["ok"]
    assert found["tables"]["accounts"] >= 120


def test_features_are_one_row_per_activation(market: Path, home: Path) -> None:
    result = impel("features", market, "--out", home / "features.parquet")
    assert result.exit_code == 0
    written = pd.read_parquet(home / "features.parquet")
    outcomes = pd.read_parquet(market / "outcomes.parquet")
    assert len(written) == len(outcomes)
    assert {"campaign_id", "actions", "closed_at", "klout_score", "goal"} <= set(written.columns)
    assert written.columns.is_unique


def test_features_are_described() -> None:
    described = json.loads(impel("features", "--describe", "--json").stdout)
    assert {"name", "family", "unit", "meaning", "null", "direction", "tables"} == set(described[0])
    printed = pd.read_csv(io.StringIO(impel("features", "--describe").stdout))
    assert printed.assign(tables=printed["tables"].str.split()).to_dict("records") == described


def test_train_registers_the_champion(trained: dict[str, Any]) -> None:
    assert trained["version"] == 1
    listed = pd.read_csv(io.StringIO(impel("models").stdout))
    assert listed["alias"].tolist() == ["champion"]


@pytest.mark.usefixtures("trained")
def test_predict_answers_in_the_order_asked(market: Path, pairs: Path, home: Path) -> None:
    asked = pd.read_csv(pairs)
    assert impel("predict", market, "--pairs", pairs, "--out", home / "answers.parquet", "--reasons").exit_code == 0
    answers = pd.read_parquet(home / "answers.parquet")
    assert answers["account_id"].tolist() == asked["account_id"].tolist()
    assert answers["at_least"].tolist()[::2] == [3.0] * 10
    assert answers["likelihood"].between(0, 1).all()
    assert (answers["actions_low"] <= answers["actions_high"]).all()
    reasons = answers["reasons"].map(json.loads)
    assert reasons.map(len).min() > 0
    assert {type(reason["value"]) for row in reasons for reason in row} <= {str, float, type(None)}
    shuffled = asked.sample(frac=1, random_state=1)
    shuffled.to_csv(home / "shuffled.csv", index=False)
    printed = impel("predict", market, "--pairs", home / "shuffled.csv")
    again = pd.read_csv(io.StringIO(printed.stdout)).set_index(shuffled.index).sort_index()
    assert np.array_equal(again["likelihood"], answers["likelihood"].loc[again.index])


@pytest.mark.usefixtures("trained")
def test_rank_orders_by_what_a_hire_earns(market: Path, home: Path) -> None:
    accounts = pd.read_parquet(market / "accounts.parquet")["account_id"]
    pd.DataFrame({"account_id": accounts[:50], "fee": 100.0}).to_csv(home / "fees.csv", index=False)
    result = impel("rank", market, "--campaign", "c0029", "--fees", home / "fees.csv", "--top", 7)
    ranked = pd.read_csv(io.StringIO(result.stdout))
    assert len(ranked) == 7
    assert ranked["net_value"].is_monotonic_decreasing
    assert ranked["own_record_weight"].between(0, 1).all()
    without_fees = json.loads(impel("rank", market, "--campaign", "c0029", "--json").stdout)
    expected = [row["expected_actions"] for row in without_fees]
    assert len(expected) == 20
    assert expected == sorted(expected, reverse=True)


def test_rank_says_why(market: Path, home: Path) -> None:
    asked = ["rank", market, "--campaign", "c0029", "--fees", home / "fees.csv", "--top", 3]
    plain = json.loads(impel(*asked, "--json").stdout)
    told = json.loads(impel(*asked, "--reasons", "--json").stdout)
    for row, said in zip(told, plain, strict=True):
        why = row.pop("reasons")
        assert row == said
        assert [why[name] for name in ("account_id", "at_least", "likelihood")] == [
            said[name] for name in ("account_id", "at_least", "likelihood")
        ]
        total = sum(family["contribution"] for family in why["families"])
        assert why["base_likelihood"] + total == pytest.approx(why["likelihood"], abs=1e-15)
        assert "fee" in {change["change"] for change in why["counterfactuals"]}
        first, *others = lines(why)
        assert first.startswith(f"{row['account_id']}: likelihood {row['likelihood']:.3f}")
        assert len(others) == 4
        for family, line in zip(why["families"], others[:-1], strict=False):
            assert line.startswith(f"  {family['contribution']:+.3f} {family['family']}: ")
            assert line.partition(": ")[2] in {feature["words"] for feature in family["features"]}
        assert others[-1].strip() == why["counterfactuals"][0]["words"]
    read = pd.read_csv(io.StringIO(impel(*asked, "--reasons").stdout))
    assert [json.loads(why)["account_id"] for why in read["reasons"]] == [row["account_id"] for row in plain]


def test_settings_are_tuned_and_trained_with(market: Path, home: Path, trained: dict[str, Any]) -> None:
    tuned = impel("tune", market, "--trials", 1, "--json", "--out", home / "settings.json")
    found = json.loads(tuned.stdout)
    assert (found["tried"], found["settings"], found["beyond_noise"]) == (1, {}, False)
    assert found["held_out"]["log_loss"]["ahead"]["value"] == 0
    assert json.loads((home / "settings.json").read_text()) == {}
    assert sum(trained["importance"].values()) == pytest.approx(1.0)
    metadata = json.loads((Path(trained["bundle"]) / "bundle.json").read_text())["metadata"]
    assert [metadata["settings"][name] for name in ("rounds", "leaves", "folds")] == [20, 4, 2]
    assert metadata["settings"]["shrinkage"] == 1.0
    assert "n_threads" not in metadata["settings"]


def test_backtest_writes_its_report(market: Path, home: Path) -> None:
    result = impel("backtest", market, "--out", home / "report", "--folds", 2)
    assert result.stdout.strip() == str(home / "report" / "report.html")
    found = json.loads((home / "report" / "metrics.json").read_text())
    assert found["folds"]
    assert found["selection"]["logged_share"] == 1.0
    assert found["off_policy"]["hired"]["fees"] == pytest.approx(found["off_policy"]["budget"])
    for one in found["checks"]:
        assert (f"{one['code']} (" in result.stderr) == (one["outcome"] == "issue")
    assert "passed" in result.stderr.splitlines()[-1]


def test_a_model_without_a_tracking_server_is_not_lost(market: Path, settings: Path, home: Path) -> None:
    away = impel("train", market, "--settings", settings, "--tracking-uri", "http://127.0.0.1:9", "--name", "kept")
    assert away.exit_code == 1
    assert "Log it later with: impel log" in away.stderr
    folder = max((home / "bundles").glob("kept-*"))
    assert impel("log", folder).stdout.strip() == "version 1"


@pytest.mark.usefixtures("trained")
def test_a_single_activation_less_than_all_by_until(market: Path) -> None:
    result = impel("train", market, "--until", "2020-01-01")
    assert result.exit_code == 1
    assert "0 activations had closed by 2020-01-01; at least 30 are needed" in result.stderr


BAD = [
    (["predcit"], 2, "Did you mean 'predict'?"),
    (["check", "nowhere"], 1, "There is no data at 'nowhere'"),
    (["train", "nowhere"], 1, "There is no data at 'nowhere'"),
    (["train", "{market}", "--until", "soon"], 2, "'soon' is no moment"),
    (["train", "{market}", "--settings", "{home}/none.json"], 1, "none.json cannot be read"),
    (["tune", "{market}", "--trials", "0"], 2, "--trials"),
    (["tune", "nowhere"], 1, "There is no data at 'nowhere'"),
    (["rank", "{market}", "--campaign", "c0029", "--as-of", "1e400"], 2, "'1e400' is no moment"),
    (["rank", "{market}", "--campaign", "c9999"], 1, "There is no campaign 'c9999' in the data"),
    (["rank", "{market}", "--campaign", "c0029", "--model", "models:/impel@champoin"], 1, "champoin"),
    (["rank", "{market}", "--campaign", "c0029", "--model", "nowhere"], 1, "nowhere"),
    (["rank", "{market}", "--campaign", "c0029", "--fees", "{home}/none.csv"], 1, "There is no file"),
    (["predict", "{market}", "--pairs", "{home}/none.csv"], 1, "There is no file"),
    (["predict", "{market}", "--pairs", "{home}/none.xlsx"], 1, "neither a .csv nor a .parquet"),
    (["predict", "{market}"], 2, "--pairs"),
    (["predict", "{market}", "--pairs", "{pairs}", "--out", "answers.txt"], 1, "must end in .csv or .parquet"),
    (["features", "{market}"], 2, "Give DATA and --out FILE"),
    (["features", "{market}", "--out", "features.doc"], 1, "must end in .csv or .parquet"),
    (["simulate", "{market}"], 1, "is not empty"),
    (["simulate", "{home}/new", "--influencers", "3"], 1, "influencers must be"),
    (["backtest", "{market}", "--out", "{home}/r", "--truth"], 1, "impel simulate DIR --truth"),
    (["backtest", "{market}", "--out", "{home}/r", "--at-least", "0"], 2, "0 is not in the range x>=1"),
    (["backtest", "{market}", "--out", "{home}/r", "--test-share", "2"], 2, "2.0 is not in the range 0<x<1"),
    (["backtest", "{market}", "--out", "/proc/r"], 1, "/proc/r cannot be written to"),
    (["promote", "77"], 1, "has no version 77"),
    (["promote", "one"], 2, "not a valid integer"),
    (["models", "--name", "impell"], 1, "Did you mean 'impel'?"),
    (["log", "{home}"], 1, "{home}"),
    (["serve", "{market}", "--port", "99999"], 2, "99999 is not in the range"),
]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=[" ".join(arguments[:4]) for arguments, *_ in BAD])
def test_errors_are_one_line(
    arguments: list[str], code: int, message: str, market: Path, home: Path, pairs: Path
) -> None:
    places = {"{market}": str(market), "{home}": str(home), "{pairs}": str(pairs)}

    def placed(text: str) -> str:
        for name, path in places.items():
            text = text.replace(name, path)
        return text

    result = impel(*map(placed, arguments))
    assert result.exit_code == code
    assert placed(message) in result.stderr
    assert "Traceback" not in result.stderr
    if code == 1:
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith("error: ")


BAD_PAIRS = [
    ("campaign_id,account_id\nc0029,a00001\n", "The pairs have no column 'decided_at'"),
    ("campaign_id,acount_id,decided_at\nc0029,a00001,2026-01-01\n", "Did you mean 'acount_id'?"),
    ("campaign_id,account_id,decided_at\nc0029,nobody,2026-01-01\n", "Unknown account 'nobody'"),
    ("campaign_id,account_id,decided_at\nc77,a00001,2026-01-01\n", "Unknown campaign 'c77'"),
    ("campaign_id,account_id,decided_at\nc0029,a00001,yesterday\n", "decided_at"),
    ("campaign_id,account_id,decided_at\nc0029,a00001,\n", "decided_at is empty"),
    ("campaign_id,account_id,decided_at,fee\nc0029,a00001,2026-01-01,-5\n", "fee"),
    ("campaign_id,account_id,decided_at,fee\nc0029,a00001,2026-01-01,cheap\n", "fee"),
    ("campaign_id,account_id,decided_at,at_least\nc0029,a00001,2026-01-01,0\n", "at_least"),
    ("campaign_id,account_id,decided_at,at_least\nc0029,a00001,2026-01-01,2.5\n", "at_least"),
    ("", "cannot be read"),
]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("text", "message"), BAD_PAIRS)
def test_bad_pairs_are_said(text: str, message: str, market: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    result = impel("predict", market, "--pairs", tmp_path / "pairs.csv")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
