"""What is counted, and what is turned away."""

from __future__ import annotations

import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx

from serving.schemas import responses
from tests.service.api.conftest import BRIEF, rank


def test_metrics_count_requests_answered_and_refused(client: httpx.Client) -> None:
    def count(code: int) -> float:
        lines = client.get("/metrics").text.splitlines()
        wanted = [line for line in lines if line.startswith(f'impel_answers_total{{route="/v1/rank",status="{code}"}}')]
        return sum(float(line.split()[-1]) for line in wanted)

    before = {code: count(code) for code in (200, 400, 415)}
    rank(client)
    client.post("/v1/rank", json={})
    client.post("/v1/rank", content=b"", headers={"content-type": "text/plain"})
    assert {code: count(code) - before[code] for code in before} == {200: 1, 400: 1, 415: 1}


def test_too_many_at_once_are_turned_away_and_the_rest_answered(client: httpx.Client, server: str) -> None:
    asked = 120
    gate = Barrier(asked)
    # Each would read the certificates of its own, and the first connections would be idle for too long meanwhile.
    context = ssl.create_default_context()

    def ask(_: int) -> httpx.Response:
        with httpx.Client(timeout=60, verify=context) as alone:
            alone.get(f"{server}/livez")
            gate.wait()
            return alone.post(f"{server}/v1/rank", json={"brief": BRIEF, "limit": 1000, "reasons": False})

    with ThreadPoolExecutor(asked) as many:
        answers = list(many.map(ask, range(asked)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) < asked
    for answer in refused:
        assert answer.status_code in {429, 504}
        assert responses.Problem.model_validate_json(answer.content).code in {"overloaded", "timeout"}
    assert all(answer.headers["retry-after"] for answer in refused if answer.status_code == 429)
    assert any(answer.status_code == 429 for answer in refused)
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    time.sleep(0.1)
    assert rank(client)["predictions"]
