"""A service in use: models come and go, things break, callers misbehave. One real server, with keys and a registry."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from threading import Event
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from serving import loading
from serving.answers import Answers, moment
from serving.keys import create, revoke
from serving.launch import READY
from serving.predictor import Predictor
from serving.schemas import requests, responses
from serving.settings import mlflow_at
from training import registry
from training.marketplace import simulate
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BRIEF: dict[str, Any] = {
    "goal": "sale",
    "vertical": "food",
    "starts_at": "2026-12-01T00:00:00Z",
    "value_per_action": 60.0,
    "topics": ["food", "home"],
    "audience": {"country": {"US": 0.8, "GB": 0.2}},
}
AS_OF = "2026-06-01T12:00:00Z"
GOOD = {"log_loss": 0.30, "calibration_error": 0.02}
DATA = registry.DataWindow(
    source="market",
    fingerprint="0" * 64,
    activations=400,
    decided_from=datetime(2025, 1, 1),  # noqa: DTZ001 - moments are naive UTC here
    decided_until=datetime(2025, 10, 28),  # noqa: DTZ001
)


@dataclass(frozen=True)
class World:
    home: Path
    url: str
    process: subprocess.Popen[bytes]
    key: str
    operator: str
    body: dict[str, Any]
    expected: dict[str, list[dict[str, Any]]]

    @property
    def keys(self) -> Path:
        return self.home / "keys.json"

    @property
    def database(self) -> Path:
        return self.home / "mlflow.db"

    def log(self) -> list[dict[str, Any]]:
        lines = (self.home / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def alias(self, name: str, version: int) -> None:
        with mlflow_at(f"sqlite:///{self.database}") as mlflow:
            mlflow.MlflowClient().set_registered_model_alias("impel", name, str(version))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    data = simulate(home / "data", influencers=50, campaigns=25, seed=41)
    store = EventStore.prepare(open_tables(data), home / "store", buckets=2)
    past = store.activations()
    X = build(store, past)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"IMPEL_HOME": home, "BENTOML_HOME": home / "bentoml"}.items():
            patch.setenv(name, str(value))
        patch.delenv("IMPEL_TRACKING_URI", raising=False)
        body = {
            "brief": BRIEF,
            "candidates": [{"account_id": each, "fee": 90} for each in store.accounts["account_id"][:30]],
        }
        expected = {}
        for version, rounds in enumerate((12, 20), start=1):
            model = ActionModel(rounds=rounds, folds=2)
            model.fit(
                X, past["actions"], decided_at=past["decided_at"], closed_at=past["closed_at"], posted=past["posted"]
            )
            folder = model.bundle_.save(home / "bundles" / str(version))
            registry.log_model(folder, params={}, metrics_by_fold=[GOOD], metrics_by_slice={}, data=DATA)
            answers = Answers(Predictor.load(folder), store, as_of=moment(AS_OF))
            found = answers.predict(requests.PredictRequest.model_validate_json(json.dumps(body)))
            expected[f"impel/{version}"] = found.model_dump(mode="json")["predictions"]
        settings = {
            "IMPEL_STORE": str(home / "store"),
            "IMPEL_AS_OF": AS_OF,
            "IMPEL_KEYS": str(home / "keys.json"),
            "IMPEL_RATE_LIMIT": "100000",
            "IMPEL_RELOAD_SECONDS": "0.5",
            "IMPEL_SHADOW_SHARE": "1",
        }
        key = create(home / "keys.json", "shop", scopes=("predict",))
        operator = create(home / "keys.json", "operator", scopes=("admin",))
        with (
            (home / "log").open("w") as log,
            subprocess.Popen(
                [sys.executable, "-m", "serving.launch", "0.0.0.0", "0"], env={**os.environ, **settings}, stderr=log
            ) as process,
        ):
            try:
                url = until(lambda: ready(home / "log", process)).replace("0.0.0.0", "127.0.0.1")
                yield World(home, url, process, key, operator, body, expected)
            finally:
                process.kill()


def ready(log: Path, process: subprocess.Popen[bytes]) -> str | None:
    said = log.read_text().splitlines()
    assert process.poll() is None, said
    return next((line.removeprefix(READY) for line in said if line.startswith(READY)), None)


def until(found: Callable[[], Any]) -> Any:
    """Return what a function finds, as soon as that is something."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {world.key}"}
    with httpx.Client(base_url=world.url, timeout=30, headers=headers) as client:
        yield client


def answers_right(client: httpx.Client, world: World) -> str:
    answer = client.post("/v1/predict", json=world.body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["predictions"] == world.expected[found["model_version"]]
    return str(found["model_version"])


def model(client: httpx.Client) -> dict[str, Any]:
    return dict(client.get("/v1/model").json())


def metric(world: World, line: str) -> float:
    text = httpx.get(f"{world.url}/metrics", headers={"authorization": f"Bearer {world.operator}"}).text
    return sum(float(found.split()[-1]) for found in text.splitlines() if found.startswith(line))


def test_the_two_models_answer_otherwise(world: World) -> None:
    first, second = world.expected.values()
    assert all(one["likelihood"] != two["likelihood"] for one, two in zip(first, second, strict=True))


def test_keys_are_made_and_revoked_while_it_serves(world: World, client: httpx.Client) -> None:
    assert httpx.get(f"{world.url}/readyz").status_code == 200
    for path, status in (
        ("/v1/model", 401),
        ("/metrics", 401),
        ("/docs.json", 200),
        ("/", 200),
        ("/console/", 200),
        ("/v1/campaigns", 401),
    ):
        assert httpx.get(f"{world.url}{path}").status_code == status
    assert client.get("/metrics").status_code == 403
    key = create(world.keys, "guest", scopes=("predict",))
    guest = {"authorization": f"Bearer {key}"}
    assert httpx.get(f"{world.url}/v1/model", headers=guest).status_code == 200
    revoke(world.keys, "guest")
    answer = httpx.get(f"{world.url}/v1/model", headers=guest)
    assert answer.status_code == 401
    assert answer.json()["code"] == "key-unknown"
    assert answer.headers["www-authenticate"] == 'Bearer realm="impel", error="invalid_token"'


def test_an_answer_and_its_line_in_the_log(world: World, client: httpx.Client) -> None:
    answer = client.post("/v1/predict", json=world.body, headers={"x-request-id": "job-17"})
    assert answer.headers["x-request-id"] == "job-17"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["ratelimit-remaining"]) < int(answer.headers["ratelimit-limit"])
    found = until(lambda: [each for each in world.log() if each.get("request_id") == "job-17" and "status" in each])
    (line,) = found
    assert (line["method"], line["route"], line["status"], line["key"]) == ("POST", "/v1/predict", 200, "shop")


def test_the_challenger_scores_in_the_shadow(world: World, client: httpx.Client) -> None:
    def asked() -> list[dict[str, Any]]:
        answer = client.post("/v1/predict", json=world.body, headers={"x-request-id": "shadowed"})
        assert answer.json()["predictions"] == world.expected["impel/1"]
        return [each for each in world.log() if "predictions" in each and each["request_id"] == "shadowed"]

    line = until(asked)[0]
    assert (line["model"], line["champion"]) == ("impel/2", "impel/1")
    first, second = world.expected.values()
    assert [each["likelihood"] for each in line["predictions"]] == [each["likelihood"] for each in second]
    assert [each["champion_likelihood"] for each in line["predictions"]] == [each["likelihood"] for each in first]


def test_promotion_and_rollback_drop_no_request(world: World, client: httpx.Client) -> None:
    stop = Event()

    def keep_asking(_: int) -> list[str]:
        with httpx.Client(base_url=world.url, timeout=30, headers=dict(client.headers)) as mine:
            versions = []
            while not stop.is_set():
                versions.append(answers_right(mine, world))
            return versions

    with ThreadPoolExecutor(2) as callers:
        asking = [callers.submit(keep_asking, number) for number in range(2)]
        try:
            for version in (2, 1):
                registry.promote(version)
                until(lambda: model(client)["model_version"] == f"impel/{version}")  # noqa: B023
                assert answers_right(client, world) == f"impel/{version}"
        finally:
            stop.set()
        for each in asking:
            versions = each.result()
            changes = [
                version for version, before in zip(versions, [None, *versions], strict=False) if version != before
            ]
            assert changes == ["impel/1", "impel/2", "impel/1"]
    assert model(client)["refused"] is None


def test_a_damaged_champion_is_refused_and_the_old_one_goes_on(world: World, client: httpx.Client) -> None:
    version = registry.log_bundle(world.home / "bundles" / "2")
    brought = f"models/*/impel/{version}/actions.txt"
    until(lambda: list(world.home.glob(brought)))  # as challenger
    (file,) = world.home.glob(brought)
    file.write_bytes(file.read_bytes()[:-100])
    world.alias("champion", version)
    refused = until(lambda: model(client)["refused"])
    assert refused["code"] == "model-refused"
    assert answers_right(client, world) == "impel/1"
    assert metric(world, 'impel_reload_refused{role="champion"}') == 1
    assert str(world.home) not in client.get("/v1/model").text
    (line,) = [each for each in world.log() if each.get("code") == "model-refused" and each["role"] == "champion"]
    assert "actions.txt is damaged" in line["reason"]
    world.alias("champion", 1)
    until(lambda: model(client)["refused"] is None)
    assert metric(world, 'impel_reload_refused{role="champion"}') == 0


def test_the_registry_away(world: World, client: httpx.Client) -> None:
    world.database.rename(world.home / "away.db")
    assert until(lambda: model(client)["refused"])["code"] == "registry-unavailable"
    assert answers_right(client, world) == "impel/1"
    (world.home / "away.db").rename(world.database)
    until(lambda: model(client)["refused"] is None)


def test_a_damaged_store_is_refused(world: World, client: httpx.Client) -> None:
    manifest = world.home / "store" / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-10])
    assert until(lambda: model(client)["refused"])["code"] == "data-refused"
    assert answers_right(client, world) == "impel/1"
    manifest.write_bytes(whole)
    until(lambda: model(client)["refused"] is None)


def malformed(body: bytes, draw: random.Random) -> tuple[bytes, dict[str, str]]:
    """Return a body that is none, and headers: one of many ways to be wrong."""
    json_type = {"content-type": "application/json"}
    content = json.loads(body)
    content["candidates"] = content["candidates"][:3]
    short = json.dumps(content).encode()
    kind = draw.randrange(8)
    if kind == 0:
        return short[: draw.randrange(len(short))], json_type
    if kind == 1:
        return draw.randbytes(draw.randrange(1, 500)), json_type
    if kind == 2:
        place: Any = draw.choice([content, content["brief"], content["candidates"][0]])
        place["x" * draw.randrange(1, 50)] = 1
    elif kind == 3:
        wrong = draw.choice([None, [], {}, "", -1, 1e308, 10**30, True, "\ud800", [[[[]]]]])
        content[draw.choice(["brief", "candidates"])] = wrong
    elif kind == 4:
        content["brief"][draw.choice(["goal", "vertical", "starts_at", "audience", "topics"])] = draw.choice(
            [-1, 1e308, {"a": {}}, [[]], "NO", True, 10**40]
        )
    elif kind == 5:
        content["candidates"][0]["fee"] = draw.choice([-1, "1", [], {}, True, 10**40])
    elif kind == 6:
        return b"[" * draw.randrange(17, 100_000) + b"1", json_type
    else:
        return short, {"content-type": draw.choice(["text/plain", "multipart/form-data", "a/b", "application/xml"])}
    return json.dumps(content).encode(), json_type


def test_two_thousand_malformed_requests(world: World, client: httpx.Client) -> None:
    draw = random.Random(5)
    whole = json.dumps(world.body).encode()
    plain = HTTPConnection(world.url.removeprefix("http://"), timeout=60)
    for number in range(2000):
        content, headers = malformed(whole, draw)
        headers["authorization"] = f"Bearer {world.key}"
        plain.request("POST", draw.choice(["/v1/predict", "/v1/rank"]), content, headers)
        answer = plain.getresponse()
        problem = answer.read()
        assert 400 <= answer.status < 500, (number, content[:200], problem)
        responses.Problem.model_validate_json(problem)
        assert str(world.home).encode() not in problem
    plain.close()
    assert answers_right(client, world) == "impel/1"
    assert not [line for line in world.log() if "trace" in line]


def test_requests_that_are_no_http(world: World, client: httpx.Client) -> None:
    draw = random.Random(6)
    host, port = world.url.removeprefix("http://").split(":")
    for _ in range(100):
        with socket.create_connection((host, int(port)), timeout=30) as plain, suppress(ConnectionError):
            start = draw.choice([b"", b"GET ", b"POST /v1/predict HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\n"])
            plain.sendall(start + draw.randbytes(200) + b"\r\n\r\n")
            plain.shutdown(socket.SHUT_WR)
            assert plain.recv(100)[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 404"}
    assert answers_right(client, world) == "impel/1"


def test_clients_that_hang_up(world: World, client: httpx.Client) -> None:
    draw = random.Random(7)
    host, port = world.url.removeprefix("http://").split(":")
    body = json.dumps(world.body).encode()
    head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.key}\r\n"
    whole = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    for number in range(200):
        with socket.create_connection((host, int(port))) as leaving:
            if number % 2:  # without a word, in place of a proper end
                leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            leaving.sendall(whole[: len(whole) if number % 3 == 0 else draw.randrange(len(whole))])
    assert answers_right(client, world) == "impel/1"
    assert not [line for line in world.log() if "trace" in line]


def test_no_key_is_ever_logged(world: World) -> None:
    text = (world.home / "log").read_text()
    assert "shop" in text
    assert world.key not in text
    assert world.key.rpartition("shop_")[2] not in text


def test_another_bundle_and_more_rows_are_taken_up(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, store = tmp_path / "bundle", shutil.copytree(world.home / "store", tmp_path / "store")
    shutil.copytree(world.home / "bundles" / "1", bundle)
    monkeypatch.setenv("IMPEL_MODEL", str(bundle))
    monkeypatch.setenv("IMPEL_STORE", str(store))
    monkeypatch.delenv("IMPEL_DATA", raising=False)
    request = requests.PredictRequest.model_validate_json(json.dumps(world.body))

    def likelihoods() -> list[float]:
        return [each.likelihood for each in live.answers.predict(request).predictions]

    loading.champion.cache_clear()
    live = loading.champion()
    first = likelihoods()
    before = live.loaded
    live.check()
    assert live.loaded is before, "nothing has changed"
    replaced, before = weakref.ref(live.answers.store), None
    # A copy that is not complete yet, then all of it, as a copying program would leave them.
    shutil.rmtree(bundle)
    shutil.copytree(world.home / "bundles" / "2", bundle, ignore=shutil.ignore_patterns("actions.txt"))
    live.check()
    assert live.refused is not None
    assert live.refused.code == "model-refused"
    assert likelihoods() == first
    shutil.copy(world.home / "bundles" / "2" / "actions.txt", bundle)
    live.check()
    assert live.refused is None
    assert likelihoods() != first
    assert replaced() is None, "what was replaced goes at once"
    day = tmp_path / "day"
    day.mkdir()
    account = request.candidates[0].account_id
    moment = pd.Timestamp("2027-01-01")
    rows = pd.DataFrame({"account_id": [account], "observed_at": [moment], "followers": [123_456]})
    rows.to_parquet(day / "account_stats.parquet")
    with open_tables(day, partial=True) as tables:
        EventStore(store).append(tables)
    live.check()
    assert live.answers.as_of == moment
    assert live.answers.predict(request).predictions[0].baselines.followers == 123_456
    loading.champion.cache_clear()
    gc.unfreeze()


def test_a_stop_answers_what_is_in_hand(world: World, client: httpx.Client) -> None:
    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{world.url}/v1/rank", json={"brief": BRIEF}, headers=dict(client.headers), timeout=60)

    with ThreadPoolExecutor(6) as callers:
        asking = [callers.submit(ask, number) for number in range(6)]
        working = 'bentoml_service_request_in_progress{endpoint="/v1/rank"'
        until(lambda: metric(world, working) or any(each.done() for each in asking))
        world.process.send_signal(signal.SIGTERM)
        found = [each.result() for each in asking if each.exception() is None]
    assert found
    assert {answer.status_code for answer in found} <= {200, 504}, "504 where this machine is very slow"
    assert world.process.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{world.url}/readyz")
