"""What is looked up: /v1/accounts, /v1/campaigns, /v1/backtest and /v1/model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from serving.backtest import BacktestResponse
from serving.schemas import responses
from tests.service.api.conftest import AS_OF, World, predict

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


def test_accounts_are_known_or_not(client: httpx.Client, world: World) -> None:
    account = world.ids[0]
    found = responses.AccountResponse.model_validate_json(client.get(f"/v1/accounts/{account}").content)
    (predicted,) = predict(client, [{"account_id": account}])["predictions"]
    assert (found.account_id, found.klout.score) == (account, predicted["baselines"]["klout"])
    assert found.followers == predicted["baselines"]["followers"]
    for stranger in ("stranger", "a/b", "%00", "a" * 300):
        answer = client.get(f"/v1/accounts/{stranger}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-account")
    assert client.post(f"/v1/accounts/{account}", json={}).status_code == 405
    metrics = client.get("/metrics").text
    assert 'endpoint="/v1/accounts/{account_id}"' in metrics
    assert account not in metrics, "no address makes a series of its own"


def test_campaigns_can_be_asked_for_as_they_are_told(client: httpx.Client, world: World) -> None:
    found = responses.CampaignsResponse.model_validate_json(client.get("/v1/campaigns?limit=200").content)
    told = {each["campaign_id"]: each for each in client.get("/v1/campaigns?limit=200").json()["campaigns"]}
    assert found.matching == len(told) > 10
    past = world.store.activations()
    known = past[past["decided_at"] <= pd.Timestamp(AS_OF[:-1])]
    for campaign, each in told.items():
        hired = known[known["campaign_id"] == campaign].dropna(subset=["fee"]).set_index("account_id")["fee"]
        assert each["fees"] == hired.to_dict()
        asked = {"brief": each["brief"], "fees": each["fees"], "limit": 3}
        assert client.post("/v1/rank", json=asked).status_code == 200
    first = found.campaigns[0].campaign_id
    assert [
        each["campaign_id"] for each in client.get(f"/v1/campaigns?search={first.upper()}").json()["campaigns"]
    ] == [first]
    assert len(client.get("/v1/campaigns?limit=2").json()["campaigns"]) == 2


@pytest.mark.parametrize(
    ("query", "at", "code"),
    [
        ("limit=0", "/limit", "invalid-request"),
        ("limit=201", "/limit", "invalid-request"),
        ("limit=ten", "/limit", "invalid-request"),
        ("limit=", "/limit", "invalid-request"),
        ("limit=1&limit=2", "/limit", "invalid-request"),
        (f"search={'x' * 201}", "/search", "invalid-request"),
        ("query=food", "/query", "unknown-field"),
    ],
)
def test_bad_queries(client: httpx.Client, query: str, at: str, code: str) -> None:
    answer = client.get(f"/v1/campaigns?{query}")
    problem = responses.Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.code) == (400, 400, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.errors is not None
    assert [error.at for error in problem.errors] == [at]


def test_the_backtest_is_the_one_that_was_given(client: httpx.Client, backtested: Path, world: World) -> None:
    found = BacktestResponse.model_validate_json(client.get("/v1/backtest").content)
    metrics = json.loads((backtested / "metrics.json").read_text())
    assert found.data_fingerprint == world.store.fingerprint == client.get("/v1/model").json()["data_fingerprint"]
    assert [each.predicted for each in found.reliability] == [
        each["likelihood"] for each in metrics["reliability"]["model"]
    ]
    assert found.rules[0].name == "model"


def test_model_says_what_answers(client: httpx.Client, world: World) -> None:
    answer = responses.ModelResponse.model_validate_json(client.get("/v1/model").content)
    assert answer.model_version == "demo"
    assert answer.accounts == len(world.ids)
    assert answer.data_fingerprint == world.store.fingerprint
    assert answer.training["activations"] == len(world.store.activations())
