"""Round the loop: predictions are logged, outcomes reported, joined, monitored, appended, and learnt from anew."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import EventStore, build, catalogue, open_tables
from serving.bundle import Bundle
from serving.launch import running
from serving.log_folder import OUTCOMES, LogFolder
from serving.log_storage import log_storage
from serving.reference import Reference
from serving.schemas import requests, responses
from tests.command import impel
from training.marketplace import simulate
from training.model import ActionModel
from training.monitor.monitor import FEWEST_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = ["campaign_id", "account_id"]
ROOT = Path(__file__).parents[2]


@dataclass
class World:
    """A market before and after a moment, and what a service was asked and answered in between."""

    home: Path
    as_of: pd.Timestamp
    later: pd.DataFrame  # outcomes of campaigns that the store does not know
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: list[httpx.Response] = field(default_factory=list)
    metrics: str = ""

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def predictions(self) -> int:
        return sum(len(answer["predictions"]) for answer in self.answers.values())

    def total(self, name: str, **wanted: str) -> float:
        """Sum a metric over its series with these labels."""
        lines = [line for line in self.metrics.splitlines() if re.match(rf"{name}[{{ ]", line)]
        lines = [line for line in lines if all(f'{label}="{value}"' in line for label, value in wanted.items())]
        return sum(float(line.split()[-1]) for line in lines)


def fitted(store: EventStore, folder: Path) -> Bundle:
    past = store.activations()
    X = build(store, past)
    model = ActionModel(rounds=10, folds=2).fit(
        X, past["actions"], decided_at=past["decided_at"], closed_at=past["closed_at"], posted=past["posted"]
    )
    likelihoods = model.likelihood(X, at_least=1)
    bundle = model.bundle_.described(
        name=folder.name,
        catalogue_digest=catalogue.digest(),
        reference=Reference.learn(X, likelihoods=np.asarray(likelihoods)),
    )
    bundle.save(folder)
    return bundle


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("loop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMPEL_HOME", str(home / "home"))
        patch.setenv("BENTOML_HOME", str(home / "bentoml"))
        data = simulate(home / "market", influencers=50, campaigns=36, seed=24)
        tables = {path.stem: pd.read_parquet(path) for path in data.iterdir()}
        outcomes = tables["outcomes"]
        began = outcomes.groupby("campaign_id")["decided_at"].min().sort_values()
        new = set(began.index[-12:])
        known = {
            name: rows[~rows["campaign_id"].isin(new)] if "campaign_id" in rows else rows
            for name, rows in tables.items()
        }
        EventStore.prepare(open_tables(known), home / "store")
        fitted(EventStore(home / "store"), home / "model")
        later = outcomes[outcomes["campaign_id"].isin(new)]
        found = World(home, later["decided_at"].min(), later.sort_values(KEY).reset_index(drop=True))
        _use(found, tables)
        yield found


def _use(world: World, tables: dict[str, pd.DataFrame]) -> None:
    """Ask a service about the later campaigns, and report to it what came of them."""
    settings = {"store": world.home / "store", "model": world.home / "model", "log": world.log}
    with (
        running(**settings, as_of=world.as_of.isoformat()) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for number, (campaign, hired) in enumerate(world.later.groupby("campaign_id")):
            brief = _brief(tables, str(campaign))
            if number == 0:  # joined by the request instead
                del brief["campaign_id"]
            fees = zip(hired["account_id"], hired["fee"], strict=True)
            asked = [{"account_id": account, **({} if np.isnan(fee) else {"fee": fee})} for account, fee in fees]
            headers = {"x-request-id": "job-7"}  # each time
            answer = client.post("/v1/predict", json={"brief": brief, "candidates": asked}, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-request-id"] == "job-7"
            assert answer.json()["request_id"].startswith("job-7-")
            world.answers[str(campaign)] = answer.json()
        unnamed = {name: value for name, value in brief.items() if name != "campaign_id"}
        answer = client.post("/v1/rank", json={"brief": unnamed, "limit": 3})
        assert answer.json()["request_id"] == answer.headers["x-request-id"], "one request has one id"
        world.answers["rank"] = answer.json()
        first, answer = next(iter(world.answers.items()))
        rows = [_outcome(row) for row in world.later.to_dict("records")]
        rows = [row | ({"request_id": answer["request_id"]} if row["campaign_id"] == first else {}) for row in rows]
        for batch in (rows[:1], rows, [{**rows[0], "actions": rows[0]["actions"] + 1}], [{**rows[0], "actions": None}]):
            world.reports.append(client.post("/v1/outcomes", json={"outcomes": batch}))
        _while_the_disk_does_not_take_any(world, client, rows[0])
        end = time.monotonic() + 30
        while world.total("impel_log_waiting") + world.total("impel_log_written_total") < world.predictions:
            assert time.monotonic() < end
            time.sleep(0.2)
            world.metrics = client.get("/metrics").text


def _brief(tables: dict[str, pd.DataFrame], campaign: str) -> dict[str, Any]:
    (row,) = tables["campaigns"][tables["campaigns"]["campaign_id"] == campaign].to_dict("records")
    brief = {
        name: value.isoformat() if isinstance(value, pd.Timestamp) else value
        for name, value in row.items()
        if not (pd.api.types.is_scalar(value) and pd.isna(value))
    }
    wanted = tables["campaign_audience"][tables["campaign_audience"]["campaign_id"] == campaign]
    audience = {
        name: dict(zip(rows["bucket"], rows["share"], strict=True)) for name, rows in wanted.groupby("dimension")
    }
    changes = {"topics": list(brief["topics"]), "attribution_days": int(brief["attribution_days"])}
    return brief | changes | ({"audience": audience} if audience else {})


def _outcome(row: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: value.isoformat() if isinstance(value, pd.Timestamp) else value
        for name, value in row.items()
        if not pd.isna(value)
    }
    counts = {name: int(found[name]) for name in ("impressions", "clicks", "actions") if name in found}
    return found | counts


def _while_the_disk_does_not_take_any(world: World, client: httpx.Client, row: dict[str, Any]) -> None:
    (world.log / OUTCOMES).rename(world.log / "away")
    (world.log / OUTCOMES).mkdir()
    world.reports.append(client.post("/v1/outcomes", json={"outcomes": [{**row, "campaign_id": "other"}]}))
    (world.log / OUTCOMES).rmdir()
    (world.log / "away").rename(world.log / OUTCOMES)


def test_every_prediction_is_in_the_log_as_it_was_answered(world: World) -> None:
    logged = pd.concat([pd.read_parquet(part) for part in LogFolder(world.log).parts()])
    answered = [
        (answer["request_id"], each["account_id"], each["likelihood"], each["at_least"], each["actions_high"])
        for answer in world.answers.values()
        for each in answer["predictions"]
    ]
    columns = ["request_id", "account_id", "likelihood", "at_least", "actions_high"]
    assert sorted(logged[columns].itertuples(index=False, name=None)) == sorted(answered)
    assert (logged["decided_at"] == world.as_of).all()
    assert set(logged["model_version"]) == {"model"}
    store = EventStore(world.home / "store")
    first = logged[logged["endpoint"] == "rank"].iloc[0]
    pair = pd.DataFrame({"account_id": [first["account_id"]], "campaign_id": ["r"], "decided_at": [world.as_of]})
    brief = json.loads(first["brief"])
    X = build(store, pair, campaigns=pd.DataFrame([{**brief, "campaign_id": "r", "starts_at": world.as_of}]))
    assert first["log_followers"] == np.float32(X["log_followers"].iloc[0])


def test_an_id_that_is_sent_twice_names_two_answers(world: World) -> None:
    assert len({answer["request_id"] for answer in world.answers.values()}) == len(world.answers)


def test_predictions_of_files_are_logged_too(world: World, tmp_path: Path) -> None:
    store = EventStore(world.home / "store")
    pairs = store.activations()[[*KEY, "decided_at", "fee"]].tail(5)
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    arguments = ("--pairs", tmp_path / "pairs.csv", "--model", world.home / "model", "--out", tmp_path / "a.parquet")
    assert impel("predict", world.home / "store", *arguments, "--log", tmp_path / "log").exit_code == 0
    answer = pd.read_parquet(tmp_path / "a.parquet")
    logged = pd.concat([pd.read_parquet(part) for part in LogFolder(tmp_path / "log").parts()])
    for name in (*KEY, "likelihood", "at_least", "support", "model_version"):
        assert logged[name].tolist() == answer[name].tolist(), name
    assert logged["decided_at"].dt.tz_localize(None).tolist() == pairs["decided_at"].tolist()
    assert set(logged["endpoint"]) == {"file"}
    refused = impel("predict", world.home / "store", *arguments, "--log", tmp_path)
    assert (refused.exit_code, "holds something that is no prediction log" in refused.stderr) == (1, True)


def test_outcomes_are_answered_for_once_they_are_kept(world: World) -> None:
    one, everything, contradiction, invalid, no_disk = world.reports
    rows = len(world.later)
    assert one.json() == {"accepted": 1, "repeated": 0, "corrected": 0}
    assert everything.json() == {"accepted": rows - 1, "repeated": 1, "corrected": 0}
    for answer, status, code in ((contradiction, 409, "contradiction"), (invalid, 400, "invalid-request")):
        problem = responses.Problem.model_validate_json(answer.content)
        assert (answer.status_code, problem.code) == (status, code)
        assert problem.errors is not None
        assert problem.errors[0].at.startswith("/outcomes/0")
    assert (no_disk.status_code, no_disk.json()["code"]) == (503, "not-stored")
    assert no_disk.headers["retry-after"]
    assert str(world.home) not in no_disk.text


def test_a_log_in_a_database_tells_the_same(world: World, log_url: str, tmp_path: Path) -> None:
    storage = log_storage(log_url)
    for number, part in enumerate(LogFolder(world.log).parts()):
        storage.write(f"{number}", pq.read_table(part, read_dictionary=["brief"]), writer="service", dropped=0)
    storage.keep_reference("model", (world.log / "models" / "model.json").read_text())
    first, answer = next(iter(world.answers.items()))
    rows = [_outcome(row) for row in world.later.to_dict("records")]
    rows = [row | ({"request_id": answer["request_id"]} if row["campaign_id"] == first else {}) for row in rows]
    storage.outcomes().report([requests.Outcome.model_validate_json(json.dumps(row)) for row in rows])
    stores = [shutil.copytree(world.home / "store", tmp_path / name) for name in ("folder", "database")]
    for store, log in zip(stores, (world.log, log_url), strict=True):
        assert json.loads(impel("append", store, log, "--json").stdout)["appended"]["outcomes"] == len(world.later)
    pd.testing.assert_frame_equal(*(EventStore(store).activations() for store in stores))
    pd.testing.assert_frame_equal(*(EventStore(store).campaigns for store in stores))

    for options in ((), ("--days", 1), ("--data", world.home / "store")):
        told = [json.loads(impel("monitor", log, "--json", *options).stdout) for log in (world.log, log_url)]
        assert told[0] == told[1]
    assert told[1]["log"]["joined"] == len(world.later)

    pairs = EventStore(world.home / "store").activations()[[*KEY, "decided_at", "fee"]].tail(5)
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    arguments = ("--pairs", tmp_path / "pairs.csv", "--model", world.home / "model", "--out", tmp_path / "a.csv")
    assert impel("predict", world.home / "store", *arguments, "--log", log_url).exit_code == 0
    with storage.local(days=30) as folder:
        logged = pd.concat([pd.read_parquet(part) for part in folder.parts()])
    assert logged.loc[logged["endpoint"] == "file", "account_id"].tolist() == pairs["account_id"].tolist()


def test_what_was_predicted_reported_and_appended_is_learnt_from(world: World) -> None:
    store, before = world.home / "store", EventStore(world.home / "store").activations()
    waiting = impel("monitor", world.log, "--json", "--max-age", 1e9)
    appended = json.loads(impel("append", store, world.log, "--json").stdout)["appended"]
    assert appended["outcomes"] == len(world.later)
    assert appended["campaigns"] == world.later["campaign_id"].nunique()
    again = impel("append", store, world.log)
    assert again.exit_code == 0
    assert "appended" not in again.stdout

    grown, whole = EventStore(store), EventStore.prepare(open_tables(world.home / "market"))
    pd.testing.assert_frame_equal(grown.activations(), whole.activations())
    # A store from the log is the one of an export: briefs say all that features read of campaigns.
    X, expected = (build(each, each.activations()) for each in (grown, whole))
    pd.testing.assert_frame_equal(X, expected, check_exact=True)
    assert len(grown.activations()) == len(before) + len(world.later)
    assert (
        fitted(grown, world.home / "again").metadata.activations
        > Bundle.load(world.home / "model").metadata.activations
    )

    found = json.loads(waiting.stdout)
    assert found["log"]["joined"] == len(world.later), "joined by campaign, and by request where there was none"
    assert json.loads(impel("monitor", world.log, "--data", store, "--json").stdout)["log"]["joined"] == len(
        world.later
    )
    assert found["log"]["briefs"] == world.later["campaign_id"].nunique() + 1, "rank had no name of its own"
    if len(world.later) >= FEWEST_OUTCOMES:
        reached = [
            world.later.set_index(KEY)["actions"][campaign, each["account_id"]] >= each["at_least"]
            for campaign, answer in world.answers.items()
            if campaign != "rank"
            for each in answer["predictions"]
        ]
        assert found["calibration"]["reached"] == pytest.approx(np.mean(reached))


def test_what_cannot_be_appended_yet_waits_and_is_named(world: World, tmp_path: Path) -> None:
    log = LogFolder(tmp_path / "log")
    log.create()
    store = world.home / "store"
    assert impel("append", store, tmp_path / "log").exit_code == 0, "nothing was reported"
    row = world.later.to_dict("records")[0]
    unknown = [_outcome({**row, "campaign_id": "nobody's"}), _outcome({**row, "account_id": "nobody"})]
    log.outcomes().report([requests.Outcome.model_validate_json(json.dumps(one)) for one in unknown])
    result = impel("append", store, tmp_path / "log")
    assert result.exit_code == 0
    for unknown in ("account", "campaign"):
        assert f"left in the log, as neither it nor the store knows their {unknown} yet: 1" in result.stderr


def test_thresholds_turn_into_exit_codes_and_a_page(world: World, tmp_path: Path) -> None:
    old = impel("monitor", world.log, "--out", tmp_path / "page", "--max-age", 1)
    assert old.exit_code == 3
    assert re.search(
        r"^IMP109 issue: Predictions were made from data that were [\d.]+ days old\.", old.stdout, re.MULTILINE
    )
    text = (tmp_path / "page" / "monitor.html").read_text()
    assert not re.search(r"https?://|<script|nan\b", text.replace("http://www.w3.org/", ""))
    saved = json.loads((tmp_path / "page" / "monitor.json").read_text())
    assert [one["code"] for one in saved["checks"]] == [f"IMP{code}" for code in range(101, 110)]
    lenient = [f"--max-{name}={value}" for name, value in (("drift", 99), ("missing", 1), ("outside", 1), ("gap", 1))]
    fine = impel("monitor", world.log, *lenient, "--max-age=1e9", "--max-unknown=1")
    assert fine.exit_code == 0, fine.stdout
    assert impel("monitor", tmp_path).exit_code == 1
    assert "no prediction log" in impel("monitor", tmp_path).stderr
    assert impel("monitor").exit_code == 2


def test_dashboard_and_alerts_name_only_what_the_service_exposes(world: World) -> None:
    exposed = set(re.findall(r"^(\w+)(?=[{ ])", world.metrics, re.MULTILINE))
    labels = set(re.findall(r'[{,](\w+)="', world.metrics))
    board = json.loads((ROOT / "deploy" / "grafana" / "impel.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    named = set(re.findall(r"\b(?:impel|bentoml)_\w+", rules + " ".join(asked)))
    assert named <= exposed
    own = {name for name in exposed if name.startswith("impel_") and not name.endswith("_created")}
    assert own <= named, "whatever is exposed is shown"
    grouped = {
        word
        for words in re.findall(r"(?:by|ignoring) \(([^)]+)\)", rules + " ".join(asked))
        for word in words.split(", ")
    }
    assert grouped <= labels
    assert 'impel_model_info{model_version="model"} 1.0' in world.metrics


def test_metrics_count_what_was_answered_and_reported(world: World) -> None:
    assert world.total("impel_predictions_total", model_version="model") == world.predictions
    assert world.total("impel_predictions_total", endpoint="rank") == 3
    assert world.total("impel_likelihoods_total") == world.predictions
    assert world.total("impel_feature_values_total") == world.predictions * len(catalogue.FEATURES)
    assert 0 < world.total("impel_feature_values_missing_total") < world.predictions * len(catalogue.FEATURES)
    assert world.total("impel_outcomes_total", result="accepted") == len(world.later)
    assert world.total("impel_outcomes_total", result="refused") == 2
