"""What outlasts a service that dies, and what a service that lives for long takes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count, takewhile
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from serving.launch import READY
from serving.log_folder import OUTCOMES
from serving.log_storage import log_storage
from serving.schemas.requests import Outcome
from tests.postgres import PASSWORD
from training.marketplace import simulate
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import Server

BRIEF = {"goal": "sale", "vertical": "food", "starts_at": "2026-12-01T00:00:00Z", "value_per_action": 60.0}
MOMENT = "2026-06-01T00:00:00Z"
REQUESTS = 3000


@dataclass(frozen=True)
class World:
    home: Path
    body: dict[str, Any]

    @property
    def log(self) -> Path:
        return self.home / "log"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("home")
    store = EventStore.prepare(open_tables(simulate(home / "data", influencers=50, campaigns=25)), home / "store")
    past = store.activations()
    model = ActionModel(rounds=8, folds=2).fit(
        build(store, past),
        past["actions"],
        decided_at=past["decided_at"],
        closed_at=past["closed_at"],
        posted=past["posted"],
    )
    model.bundle_.save(home / "bundle")
    candidates = [{"account_id": each, "fee": 90} for each in store.accounts["account_id"][:5]]
    return World(home, {"brief": BRIEF, "candidates": candidates})


@contextmanager
def serving(world: World, *, where: str | Path | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve as `impel serve` does; yield the address and the process."""
    settings = {
        "IMPEL_STORE": world.home / "store",
        "IMPEL_MODEL": world.home / "bundle",
        "IMPEL_LOG": where or world.log,
        "BENTOML_HOME": world.home / "bentoml",
    }
    log = world.home / "stderr"
    with log.open("w") as stderr:
        command = [sys.executable, "-m", "serving.launch", "127.0.0.1", "0"]
        environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
        process = subprocess.Popen(command, env=environment, stderr=stderr, text=True)
    try:
        end = time.monotonic() + 300
        while not (told := [line for line in log.read_text().splitlines() if line.startswith(READY)]):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield told[0].removeprefix(READY), process
    finally:
        process.kill()
        process.wait()


def outcome(number: int) -> dict[str, Any]:
    moments = {"decided_at": MOMENT, "closed_at": MOMENT}
    return {"campaign_id": f"c{number}", "account_id": "a1", "actions": number, **moments}


def test_what_was_acknowledged_outlasts_a_service_that_is_killed(world: World) -> None:
    acknowledged: list[int] = []
    answered: list[Any] = []

    def report(url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            for number in count():
                try:
                    answer = client.post("/v1/outcomes", json={"outcomes": [outcome(number)]})
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                acknowledged.append(number)

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while True:
                try:
                    answer = client.post("/v1/predict", json=world.body)
                except httpx.TransportError:
                    return
                answered.append(answer.json()["predictions"])

    with serving(world) as (url, process):
        callers = [Thread(target=each, args=[url]) for each in (report, ask)]
        for caller in callers:
            caller.start()
        end = time.monotonic() + 120
        while (len(acknowledged) < 30 or len(answered) < 30) and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        for caller in callers:
            caller.join(60)
            assert not caller.is_alive(), "a caller whose connection breaks does not wait for ever"
    assert len(acknowledged) >= 30
    with serving(world) as (url, _):  # as whatever supervises it would
        answer = httpx.post(f"{url}/v1/predict", json=world.body, timeout=30)
        again = httpx.post(f"{url}/v1/outcomes", json={"outcomes": [outcome(each) for each in acknowledged]}).json()
    assert all(predictions == answer.json()["predictions"] for predictions in answered)
    assert again == {"accepted": 0, "repeated": len(acknowledged), "corrected": 0}
    kept = (world.log / OUTCOMES).read_text()
    assert all(re.search(rf"^c{number},", kept, re.MULTILINE) for number in acknowledged)


@dataclass
class Load:
    """Callers who report and ask until they are told to end, and what they were told."""

    body: dict[str, Any]
    acknowledged: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    ends: Event = field(default_factory=Event)

    def report(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for number in takewhile(lambda _: not self.ends.is_set(), count()):
                answer = client.post("/v1/outcomes", json={"outcomes": [outcome(number)]})
                if answer.status_code == 503:
                    assert answer.json()["code"] == "not-stored"
                    assert quote(PASSWORD, safe="") not in answer.text
                    self.refused.append(number)
                else:
                    assert answer.json()["accepted"] == 1, answer.text
                    self.acknowledged.append(number)

    def ask(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not self.ends.is_set():
                answer = client.post("/v1/predict", json=self.body)
                assert answer.status_code == 200, answer.text
                self.answered.append(answer.json()["request_id"])

    def more(self, *lists: list[Any]) -> None:
        """Wait until there is more in each list."""
        wanted, end = [len(each) + 20 for each in lists], time.monotonic() + 120
        while any(len(each) < least for each, least in zip(lists, wanted, strict=True)):
            assert time.monotonic() < end
            time.sleep(0.01)


def test_answers_and_outcomes_outlast_the_database_of_the_log(world: World, server: Server, log_url: str) -> None:
    load = Load(world.body)
    server.stop()
    with ThreadPoolExecutor(2) as callers, serving(world, where=log_url) as (url, process):
        working = [callers.submit(each, url) for each in (load.report, load.ask)]
        try:
            load.more(load.refused, load.answered)  # away from the start on
            server.start()
            load.more(load.acknowledged, load.answered)
            server.stop()  # killed under load
            load.more(load.refused, load.answered)
        finally:
            server.start()
            load.more(load.acknowledged, load.answered)
            load.ends.set()
        for each in working:
            each.result(60)
        process.terminate()
        assert process.wait(60) == 0
    storage = log_storage(log_url)
    given = [Outcome.model_validate_json(json.dumps(outcome(each))) for each in load.acknowledged]
    assert storage.outcomes().report(given) == (0, len(given), 0), "what was acknowledged is kept"
    with storage.local(days=30) as folder:
        rows = pd.concat([pd.read_parquet(part) for part in folder.parts()])
        known = pd.read_csv(folder.folder / OUTCOMES)["actions"].tolist()
    assert sorted(known) == sorted(load.acknowledged), "and what was refused is not"
    candidates = len(world.body["candidates"])
    assert rows.groupby("request_id").size().to_dict() == dict.fromkeys(load.answered, candidates), "each row once"
    said = (world.home / "stderr").read_text()
    assert "what is logged waits: The database postgresql://impel:***@" in said
    assert all(secret not in said for secret in (PASSWORD, quote(PASSWORD, safe="")))


def test_three_thousand_requests_leave_nothing_behind(world: World) -> None:
    body, headers = json.dumps(world.body), {"content-type": "application/json"}
    account = world.body["candidates"][0]["account_id"]
    with serving(world) as (url, process):
        status = Path(f"/proc/{process.pid}/status")
        if not status.exists():
            pytest.skip("what a process holds is read from /proc")

        def ask(connection: HTTPConnection, requests: int) -> None:
            for number in range(requests):
                if number % 50 == 0:
                    connection.request("GET", f"/v1/accounts/{account}?{number}")
                else:
                    connection.request("POST", "/v1/predict", body, headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200

        def mebibytes() -> float:
            found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
            assert found is not None
            return int(found[1]) / 1024

        with closing(HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
            # What is made once, and what BentoML keeps of the requests of the last seconds.
            ask(connection, REQUESTS // 3)
            before = mebibytes()
            ask(connection, REQUESTS)
            assert mebibytes() - before < 24, "8 KiB of each request"
