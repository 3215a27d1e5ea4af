"""The service as a caller meets it: a real server on loopback, over a small demo marketplace."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pytest

import serving
from features import EventStore, build, open_tables
from features.errors import ImpelError
from serving import loading, openapi, schemas
from serving.answers import Answers
from serving.backtest import BacktestResponse
from serving.launch import READY, running
from serving.middleware import MAX_BODY
from serving.predictor import Predictor
from training import report
from training.backtest import backtest, origin
from training.candidates import KnownAccounts
from training.marketplace import simulate
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Iterator

BRIEF: dict[str, Any] = {
    "goal": "sale",
    "vertical": "food",
    "starts_at": "2026-12-01T00:00:00Z",
    "value_per_action": 60.0,
    "audience": {"country": {"US": 0.8, "GB": 0.2}, "gender": {"female": 0.7, "male": 0.3}},
}
AS_OF = "2026-06-01T12:00:00Z"


@dataclass(frozen=True)
class World:
    data: Path
    bundle: Path
    store: EventStore
    home: Path

    @property
    def ids(self) -> list[str]:
        return sorted(self.store.accounts["account_id"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("home")
    data = simulate(home / "data", influencers=80, campaigns=50)
    store = EventStore.prepare(open_tables(data), home / "store")
    past = store.activations()
    model = ActionModel(rounds=60, folds=2)
    model.fit(
        build(store, past),
        past["actions"],
        decided_at=past["decided_at"],
        closed_at=past["closed_at"],
        posted=past["posted"],
        # The marketplace is too small for holdouts: half of what is attributed is taken to have been measured.
        incremental_actions=past["actions"] / 2,
        campaign_id=past["campaign_id"],
    )
    return World(data, model.bundle_.save(home / "bundles" / "demo"), store, home)


@pytest.fixture(scope="module")
def settings(world: World) -> dict[str, Any]:
    return {"data": world.data, "model": world.bundle, "store": world.home / "store", "as_of": AS_OF}


@pytest.fixture(scope="module")
def backtested(world: World) -> Path:
    past = world.store.activations()
    found = backtest(
        build(world.store, past),
        past,
        model=ActionModel(rounds=20, folds=2),
        folds=2,
        accounts=KnownAccounts(world.store),
        metadata=origin(world.store),
    )
    return report.write(found, world.home / "backtest").parent


@pytest.fixture(scope="module")
def server(settings: dict[str, Any], backtested: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml")))
        with running(**settings, backtest=backtested) as url:
            yield url


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


def predict(client: httpx.Client, candidates: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/predict", json={"brief": BRIEF, "candidates": candidates, **more})
    assert answer.status_code == 200, answer.text
    schemas.PredictResponse.model_validate_json(answer.content)
    return answer.json()


def bare(ranked: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a ranking as /v1/predict answers it."""
    return {name: value for name, value in ranked.items() if name not in {"fee", "account"}}


def rank(client: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/rank", json={"brief": BRIEF, **more})
    assert answer.status_code == 200, answer.text
    schemas.RankResponse.model_validate_json(answer.content)
    return answer.json()


def test_candidates_are_answered_in_their_order_and_strangers_named(client: httpx.Client, world: World) -> None:
    first, second, third = world.ids[:3]
    asked = [third, "stranger", first, third, "stranger", second]
    answer = predict(client, [{"account_id": account} for account in asked])
    assert [each["account_id"] for each in answer["predictions"]] == [third, first, third, second]
    assert answer["predictions"][0] == answer["predictions"][2]
    assert answer["unknown_accounts"] == ["stranger"]
    assert answer["model_version"] == "demo"
    assert answer["features_as_of"] == AS_OF
    assert set(answer["predictions"][0]) == set(schemas.Prediction.model_fields) - {"reasons"}


def test_only_strangers(client: httpx.Client) -> None:
    for reasons in (False, True):
        answer = predict(client, [{"account_id": "stranger"}], reasons=reasons)
        assert answer["predictions"] == []
        assert answer["unknown_accounts"] == ["stranger"]


def test_long_lists_are_answered_as_short_ones(client: httpx.Client, world: World) -> None:
    asked = [{"account_id": account, "fee": 100.0 + number} for number, account in enumerate(world.ids)]
    together = predict(client, asked)["predictions"]
    assert len(together) == len(asked)
    assert [predict(client, [each])["predictions"][0] for each in asked[:5]] == together[:5]


def test_number_of_actions_asked_for(client: httpx.Client, world: World) -> None:
    account = world.ids[0]
    candidates = [{"account_id": account}, {"account_id": account, "fee": 250}, {"account_id": account, "at_least": 3}]
    found = predict(client, candidates)["predictions"]
    assert [each["at_least"] for each in found] == [1, 5, 3]
    assert found[0]["likelihood"] >= found[2]["likelihood"]


def test_what_is_not_measured_is_null(client: httpx.Client, world: World) -> None:
    brief = {name: BRIEF[name] for name in ("goal", "vertical", "starts_at")}
    answer = client.post("/v1/predict", json={"brief": brief, "candidates": [{"account_id": world.ids[0]}]})
    (found,) = answer.json()["predictions"]
    assert found["expected_value"] is None
    assert "NaN" not in answer.text


def test_before_the_data_begins_nothing_is_measured(world: World) -> None:
    answers = Answers(Predictor.load(world.bundle), world.store, as_of=pd.Timestamp("2001-01-01").as_unit("us"))
    body = {"brief": BRIEF, "candidates": [{"account_id": account} for account in world.ids[:5]]}
    found = answers.predict(schemas.PredictRequest.model_validate_json(json.dumps(body)))
    assert [each.baselines for each in found.predictions] == [
        schemas.Baselines(followers=None, engagement_rate=None, klout=None, kred=None, peerindex=None)
    ] * 5
    assert all(0 <= each.likelihood <= 1 for each in found.predictions)
    filters = {"min_followers": 0, "max_followers": 10**12}
    ranked = answers.rank(schemas.RankRequest.model_validate_json(json.dumps({"brief": BRIEF, "filters": filters})))
    assert (ranked.considered, ranked.matching) == (0, 0), "who is unknown keeps no filter on followers"


def test_reasons_on_request(client: httpx.Client, world: World) -> None:
    candidates = [{"account_id": account} for account in world.ids[:4]]
    plain, told = predict(client, candidates), predict(client, candidates, reasons=True)
    for without, found in zip(plain["predictions"], told["predictions"], strict=True):
        reasons = found.pop("reasons")
        assert found == without
        assert 0 < len(reasons) <= 5
        sizes = [abs(reason["contribution"]) for reason in reasons]
        assert sizes == sorted(sizes, reverse=True)


def test_rank_gives_the_most_likely_of_all(client: httpx.Client, world: World) -> None:
    everybody = predict(client, [{"account_id": account} for account in world.ids])["predictions"]
    expected = sorted(everybody, key=lambda each: (-each["likelihood"], each["account_id"]))
    answer = rank(client, limit=7)
    assert [bare(each) for each in answer["predictions"]] == expected[:7]
    assert answer["considered"] == answer["matching"] == len(world.ids)
    by_actions = rank(client, order_by="expected_actions", limit=len(world.ids))["predictions"]
    assert [bare(each) for each in by_actions] == sorted(
        everybody, key=lambda each: (-each["expected_actions"], each["account_id"])
    )


def test_rank_tells_accounts_apart(client: httpx.Client, world: World) -> None:
    fees = {world.ids[0]: 50.0, world.ids[1]: 0.0}
    accounts = world.store.accounts.set_index("account_id")
    for each in rank(client, limit=1000, fees=fees)["predictions"]:
        account = each["account_id"]
        assert each["fee"] == fees.get(account)
        card = client.get(f"/v1/accounts/{account}").json()
        texts = {name: card[name] for name in ("influencer_id", "platform", "country", "language")}
        assert texts["platform"] == accounts["platform"][account]
        shares = {
            f"fake_share{end}": card["authenticity"][end.strip("_") or "fake_share"] for end in ("", "_low", "_high")
        }
        assert each["account"] == texts | shares


def test_rank_by_value_for_money(client: httpx.Client, world: World) -> None:
    fees = {account: 50.0 * (1 + number % 7) for number, account in enumerate(world.ids[:40])}
    found = rank(client, order_by="value_per_cost", fees=fees, limit=60)["predictions"]
    worth = [each["expected_value"] / fees[each["account_id"]] for each in found[:40]]
    assert worth == sorted(worth, reverse=True)
    assert not {each["account_id"] for each in found[40:]} & set(fees), "those without a fee come last"
    assert found[0]["at_least"] == np.ceil(fees[found[0]["account_id"]] / BRIEF["value_per_action"])


def test_rank_keeps_to_its_filters(client: httpx.Client, world: World) -> None:
    accounts = world.store.accounts.set_index("account_id")
    everybody = {each["account_id"]: each for each in rank(client, limit=1000)["predictions"]}
    followers = {account: each["baselines"]["followers"] for account, each in everybody.items()}
    middle = float(np.nanmedian([np.nan if count is None else count for count in followers.values()]))
    some = sorted(everybody)[:5]
    platform, country = accounts["platform"].mode()[0], accounts["country"].mode()[0]
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"platforms": [platform]}, lambda a: accounts["platform"][a] == platform),
        ({"countries": [country]}, lambda a: accounts["country"][a] == country),
        ({"languages": ["en", "xx"]}, lambda a: accounts["language"][a] == "en"),
        ({"min_followers": int(middle)}, lambda a: (followers[a] or -1) >= int(middle)),
        ({"max_followers": int(middle)}, lambda a: followers[a] is not None and followers[a] <= int(middle)),
        ({"exclude_accounts": some}, lambda a: a not in some),
        ({"min_likelihood": 0.3}, lambda a: everybody[a]["likelihood"] >= 0.3),
        ({"platforms": ["nowhere"]}, lambda _: False),
    ]
    for filters, keeps in cases:
        answer = rank(client, filters=filters, limit=1000)
        expected = [each for account, each in everybody.items() if keeps(account)]
        assert answer["predictions"] == expected, filters
        assert answer["matching"] == len(expected)
        assert 0 <= answer["matching"] <= answer["considered"] <= len(everybody)


def test_rank_filters_on_what_is_known_of_accounts(client: httpx.Client, world: World) -> None:
    everybody = [each["account_id"] for each in rank(client, limit=1000)["predictions"]]
    cards = {account: client.get(f"/v1/accounts/{account}").json() for account in everybody[:12]}
    shares = {account: card["authenticity"]["fake_share"] for account, card in cards.items()}
    some = sorted(share for share in shares.values() if share is not None)
    limit = some[len(some) // 2]
    found = {each["account_id"] for each in rank(client, limit=1000, filters={"max_fake_share": limit})["predictions"]}
    assert {account for account, share in shares.items() if share is not None and share <= limit} == found & set(cards)
    fees = {account: float(number) for number, account in enumerate(everybody)}
    cheap = rank(client, limit=1000, fees=fees, filters={"max_fee": 3})["predictions"]
    assert {each["account_id"] for each in cheap} == set(everybody[:4])
    known = set(world.store.campaigns["vertical"])
    on_vertical = rank(client, limit=1000, filters={"verticals": [min(known)]})
    assert 0 < on_vertical["matching"] < len(everybody)
    assert on_vertical["considered"] == on_vertical["matching"], "filters come first"
    assert rank(client, filters={"verticals": ["nothing like it"]})["predictions"] == []


@pytest.mark.parametrize("order_by", ["likelihood", "expected_actions", "expected_value", "value_per_cost"])
def test_pages_are_the_whole_in_parts(client: httpx.Client, world: World, order_by: str) -> None:
    asked = {"order_by": order_by, "fees": dict.fromkeys(world.ids[::3], 50.0)}
    whole = rank(client, limit=1000, **asked)
    assert whole["next_cursor"] is None
    found, cursor = [], None
    for size in (1, 7, 40, 60, 1000):
        page = rank(client, limit=size, cursor=cursor, **asked)
        assert page["matching"] == whole["matching"]
        found += page["predictions"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert found == whole["predictions"]


def test_a_cursor_is_of_one_question(client: httpx.Client) -> None:
    cursor = rank(client, limit=3)["next_cursor"]
    assert rank(client, limit=5, reasons=True, cursor=cursor)["predictions"], "size and reasons may change"
    for change in ({"at_least": 2}, {"filters": {"min_followers": 1}}, {"order_by": "expected_actions"}):
        answer = client.post("/v1/rank", json={"brief": BRIEF, "cursor": cursor, **change})
        assert answer.status_code == 400
        assert "belongs to another question" in answer.json()["detail"]


def test_accounts_are_known_or_not(client: httpx.Client, world: World) -> None:
    account = world.ids[0]
    found = schemas.AccountResponse.model_validate_json(client.get(f"/v1/accounts/{account}").content)
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


def test_rank_with_reasons(client: httpx.Client) -> None:
    found = rank(client, limit=3, reasons=True)["predictions"]
    assert all(each.pop("reasons") for each in found)
    assert found == rank(client, limit=3)["predictions"]


def explain(client: httpx.Client, candidates: list[dict[str, Any]]) -> dict[str, Any]:
    answer = client.post("/v1/explain", json={"brief": BRIEF, "candidates": candidates})
    assert answer.status_code == 200, answer.text
    schemas.ExplainResponse.model_validate_json(answer.content)
    return answer.json()


def test_explanations_add_up_to_what_is_predicted(client: httpx.Client, world: World) -> None:
    asked = [{"account_id": account, "fee": 250.0} for account in world.ids[:6]] + [{"account_id": "stranger"}]
    asked[2] = {"account_id": world.ids[2], "at_least": 3}
    found, plain = explain(client, asked), predict(client, asked)
    assert found["unknown_accounts"] == ["stranger"]
    for told, said in zip(found["explanations"], plain["predictions"], strict=True):
        assert [told[name] for name in ("account_id", "at_least", "likelihood")] == [
            said[name] for name in ("account_id", "at_least", "likelihood")
        ]
        total = sum(family["contribution"] for family in told["families"])
        assert told["base_likelihood"] + total == pytest.approx(told["likelihood"], abs=1e-15)
        assert all(family["features"] for family in told["families"])
    bases = {told["base_likelihood"] for told in found["explanations"] if told["at_least"] == 5}
    assert len(bases) == 1


def test_reasons_are_the_features_of_the_explanation(client: httpx.Client, world: World) -> None:
    asked = [{"account_id": account, "fee": 250.0} for account in world.ids[:6]]
    told = predict(client, asked, reasons=True)["predictions"]
    for prediction, explanation in zip(told, explain(client, asked)["explanations"], strict=True):
        features = [feature for family in explanation["families"] for feature in family["features"]]
        strongest = max(features, key=lambda feature: abs(feature["contribution"]))
        assert prediction["reasons"][0] == strongest
        # Features of a family that is told by its strongest three are among those of the explanation.
        assert all(each in features for each in prediction["reasons"][:3])


def test_counterfactuals_are_what_would_be_predicted(client: httpx.Client, world: World) -> None:
    asked = [{"account_id": account, "fee": 250.0} for account in world.ids[:10]]
    asked += [{"account_id": world.ids[0], "at_least": 5}, {"account_id": world.ids[0], "at_least": 1}]
    asked += [{"account_id": world.ids[1], "at_least": 1, "fee": fee} for fee in (0.0, 5e-324)]
    asked += [{"account_id": world.ids[1], "at_least": 5, "fee": 31.0}]
    found = explain(client, asked)["explanations"]
    accounts = world.store.accounts.set_index("account_id")
    seen = set()
    for candidate, told in zip(asked, found, strict=True):
        changes = [abs(each["likelihood"] - told["likelihood"]) for each in told["counterfactuals"]]
        assert changes == sorted(changes, reverse=True)
        for each in told["counterfactuals"]:
            seen.add(each["change"])
            name = "account_id" if each["change"] == "platform" else each["change"]
            then = {**candidate, name: each[name] if name in each else each["after"]}
            said = predict(client, [then])["predictions"][0]
            assert (each["at_least"], each["likelihood"]) == (said["at_least"], said["likelihood"])
            assert f"{each['likelihood']:.3f} instead of {told['likelihood']:.3f}" in each["words"]
        mine = accounts.loc[candidate["account_id"]]
        family = accounts[(accounts["influencer_id"] == mine["influencer_id"])]
        others = family[(family["platform"] != mine["platform"]) & ~(family["created_at"] > pd.Timestamp(AS_OF[:-1]))]
        named = [each["account_id"] for each in told["counterfactuals"] if each["change"] == "platform"]
        assert sorted(named) == sorted(others.index)
    assert seen == {"fee", "at_least", "platform"}
    whose = [{each["change"] for each in told["counterfactuals"]} - {"platform"} for told in found]
    assert whose == [{"fee", "at_least"}] * 10 + [{"at_least"}, set(), set(), set(), {"fee", "at_least"}]
    halves = [each["after"] for each in found[-1]["counterfactuals"] if each["change"] == "fee"]
    assert halves == [16.0], "two digits that count"


def test_model_says_what_answers(client: httpx.Client, world: World) -> None:
    answer = schemas.ModelResponse.model_validate_json(client.get("/v1/model").content)
    assert answer.model_version == "demo"
    assert answer.accounts == len(world.ids)
    assert answer.data_fingerprint == world.store.fingerprint
    assert answer.training["activations"] == len(world.store.activations())


@pytest.mark.filterwarnings("ignore:.*AnyType:UserWarning")  # MLflow on its own type hints, when it is imported
def test_service_predictor_and_pyfunc_agree_to_the_last_bit(client: httpx.Client, world: World) -> None:
    from serving.pyfunc import ImpelModel

    pyfunc, predictor = ImpelModel(), Predictor.load(world.bundle)
    pyfunc.load_context(SimpleNamespace(artifacts={"bundle": str(world.bundle)}))
    campaigns = world.store.campaigns
    wanted = world.store.campaign_audience
    fees = np.random.default_rng(0).uniform(10, 900, len(world.ids)).round(2)
    for _, campaign in campaigns.iloc[:: len(campaigns) // 5].iterrows():
        pairs = pd.DataFrame({"account_id": world.ids, "fee": fees})
        pairs = pairs.assign(
            campaign_id=campaign["campaign_id"], decided_at=pd.Timestamp(AS_OF).tz_localize(None).as_unit("us")
        )
        X = build(world.store, pairs)
        offline = predictor.predict(X, pairs=pairs, campaigns=campaigns)
        audience = wanted[wanted["campaign_id"] == campaign["campaign_id"]]
        brief = {
            name: (value.isoformat() if isinstance(value, pd.Timestamp) else value)
            for name, value in campaign.items()
            if name != "campaign_id" and not (pd.api.types.is_scalar(value) and pd.isna(value))
        }
        brief["topics"] = list(brief.get("topics", []))
        brief["attribution_days"] = int(brief["attribution_days"])
        brief["audience"] = {
            dimension: dict(zip(rows["bucket"], rows["share"], strict=True))
            for dimension, rows in audience.groupby("dimension")
        }
        candidates = [{"account_id": row.account_id, "fee": row.fee} for row in pairs.itertuples()]
        answer = client.post("/v1/predict", json={"brief": brief, "candidates": candidates})
        online = pd.DataFrame(answer.json()["predictions"])
        worth = X.assign(
            fee=fees, value_per_action=np.float64(campaign["value_per_action"]), account_id=pairs["account_id"]
        )
        logged = pyfunc.predict(worth)
        assert online["expected_incremental_actions"].notna().all()
        assert answer.json()["incremental"].startswith("50 % of the actions attributed for")
        numbers = offline.select_dtypes("number").columns
        assert {"likelihood", "expected_value", "expected_incremental_actions", "incremental_high"} < set(numbers)
        for name in numbers:
            bits = offline[name].to_numpy(np.float64)
            assert np.array_equal(online[name].to_numpy(np.float64), bits, equal_nan=True), name
            assert np.array_equal(logged[name].to_numpy(np.float64), bits, equal_nan=True), name
        assert list(online["support"]) == list(offline["support"]) == list(logged["support"])


def bad(path: str = "/v1/predict", status: int = 400, code: str = "invalid-request", **body: Any) -> Any:
    """One bad request: what is sent as JSON (`json`) or raw (`content`), and the answer."""
    return path, body, status, code


def brief(**changes: Any) -> dict[str, Any]:
    return {"json": {"brief": {**BRIEF, **changes}, "candidates": [{"account_id": "a"}]}}


def candidates(*found: Any, **more: Any) -> dict[str, Any]:
    return {"json": {"brief": BRIEF, "candidates": list(found), **more}}


def raw(content: bytes, media_type: str = "application/json") -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": media_type}}


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
    problem = schemas.Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.code) == (400, 400, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.errors is not None
    assert [error.at for error in problem.errors] == [at]


BAD_REQUESTS = [
    bad(code="invalid-json", **raw(b"{")),
    bad(code="invalid-json", **raw(b"\xff\xfe")),
    bad(code="invalid-json", **raw(b"[" * 100_000)),
    bad(**raw(b"")),
    bad(**raw(b"null")),
    bad(**raw(b"[]")),
    bad(**raw(b'"text"')),
    bad(json={}),
    bad(**brief(goal="sales")),
    bad(**brief(goal=None)),
    bad(**brief(vertical="")),
    bad(**brief(starts_at="soon")),
    bad(**brief(starts_at=0)),
    bad(**brief(value_per_action=-1)),
    bad(**brief(value_per_action=True)),
    bad(**brief(value_per_action=[1])),
    bad(**brief(attribution_days=1e300)),
    bad(**brief(topics="food")),
    bad(**brief(audience={"planet": {"earth": 1}})),
    bad(**brief(audience={"country": {"US": 80}})),
    bad(**raw(json.dumps(brief(value_per_action=float("nan"))["json"]).encode())),
    bad(**raw(json.dumps(brief(value_per_action=float("inf"))["json"]).encode())),
    bad(code="unknown-field", **brief(gaol="sale")),
    bad(code="unknown-field", **candidates({"account_id": "a", "followers": 3})),
    bad(code="unknown-field", **candidates({"account_id": "a"}, verbose=True)),
    bad(**candidates()),
    bad(**candidates("a00001")),
    bad(**candidates({"account_id": None})),
    bad(**candidates({"account_id": "a", "fee": "250"})),
    bad(**candidates({"account_id": "a", "at_least": 0})),
    bad(**candidates(*[{"account_id": "a"}] * 1001)),
    bad(**candidates(*[{"account_id": "a"}] * 101, reasons=True)),
    bad(status=415, code="unsupported-media-type", **raw(b"{}", "text/plain")),
    bad(status=415, code="unsupported-media-type", **raw(b"a=1", "application/x-www-form-urlencoded")),
    bad(status=415, code="unsupported-media-type", **raw(b"", "application/vnd.bentoml+pickle")),
    bad(status=413, code="too-large", **raw(b" " * (MAX_BODY + 1))),
    bad("/v1/explain", json={"brief": BRIEF, "candidates": [{"account_id": "a"}] * 21}),
    bad(
        "/v1/explain", code="unknown-field", json={"brief": BRIEF, "candidates": [{"account_id": "a"}], "reasons": True}
    ),
    bad("/v1/rank", json={"brief": BRIEF, "limit": 0}),
    bad("/v1/rank", json={"brief": BRIEF, "order_by": "fame"}),
    bad("/v1/rank", json={"brief": BRIEF, "order_by": "value_per_cost"}),
    bad("/v1/rank", json={"brief": BRIEF, "filters": {"min_followers": 2, "max_followers": 1}}),
    bad("/v1/rank", code="unknown-field", json={"brief": BRIEF, "filters": {"platform": ["x"]}}),
    bad("/v1/outcomes", 501, "no-log", json=openapi.OUTCOMES),
    bad("/v1/outcomes", json={"outcomes": []}),
    bad("/v1/outcomes", code="invalid-json", **raw(b"[" * 100_000)),
    bad("/v1/rank", json={"brief": {**BRIEF, "value_per_action": None}, "order_by": "expected_value"}),
    bad("/v1/rank", json={"brief": BRIEF, "filters": {"max_fee": 10}}),
    bad("/v1/rank", json={"brief": BRIEF, "cursor": "?"}),
    bad("/v1/rank", json={"brief": BRIEF, "cursor": "WyJhIiwiMHgxIiwiYiJd"}),
    bad("/v1/score", json={"brief": BRIEF}),
    bad("/v1/score", json={"brief": BRIEF, "influencer": {"accounts": []}}),
    bad("/v1/score", json={"brief": BRIEF, "influencer": {"accounts": [{"account_id": "a", "platform": "x"}] * 2}}),
    bad("/v1/nothing", 404, "not-found", json={}),
    bad("/v1/model", 405, "method-not-allowed", json={}),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), BAD_REQUESTS)
def test_bad_requests(client: httpx.Client, path: str, body: dict[str, Any], status: int, code: str) -> None:
    answer = client.post(path, **body)
    problem = schemas.Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status, problem.code) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.detail
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text


def test_an_error_says_what_was_wrong_what_came_and_what_to_do(client: httpx.Client) -> None:
    answer = client.post("/v1/predict", json={"brief": {"gaol": "sale", "goal": "sales"}, "candidates": []}).json()
    errors = {error["at"]: error["message"] for error in answer["errors"]}
    assert errors["/brief/gaol"] == "Unknown field 'gaol'. Did you mean 'goal'?"
    assert 'received "sales".' in errors["/brief/goal"]
    assert errors["/brief/goal"].endswith("Did you mean 'sale'?")
    assert errors["/brief/vertical"] == "Field 'vertical' is required."
    assert "at least 1 item" in errors["/candidates"]
    assert answer["detail"].startswith("/brief/goal: ")


def test_wrong_methods_and_addresses(client: httpx.Client) -> None:
    for answer, status in (
        (client.get("/v1/predict"), 405),
        (client.delete("/v1/rank"), 405),
        (client.get("/v1"), 404),
        (client.get("/../etc/passwd"), 404),
    ):
        assert answer.status_code == status
        assert schemas.Problem.model_validate_json(answer.content).status == status
    assert client.get("/v1/predict").headers["allow"] == "POST"


def test_a_body_without_a_length_is_bounded_too(client: httpx.Client) -> None:
    parts = (b" " * 65536 for _ in range(MAX_BODY // 65536 + 2))
    answer = client.post("/v1/predict", content=parts, headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_the_document_describes_the_service(client: httpx.Client) -> None:
    answer = client.get("/docs.json")
    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert {"/v1/predict", "/v1/explain", "/v1/rank", "/v1/model"} <= set(document["paths"])
    named = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
    assert named <= set(document["components"]["schemas"])
    for path in ("/v1/predict", "/v1/explain", "/v1/rank", "/v1/score"):
        operation = document["paths"][path]["post"]
        assert {"400", "413", "415", "429", "500", "504"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            assert set(response["content"]) == {"application/json" if status == "200" else "application/problem+json"}
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = client.post(path, json=example)
        assert answer.status_code == 200, answer.text
        assert answer.json()["explanations" if path == "/v1/explain" else "predictions"], path
    for path, operations in document["paths"].items():
        if "get" in operations:
            examples = {each["name"]: each["example"] for each in operations["get"].get("parameters", [])}
            assert client.get(path.format(**examples)).status_code == 200, path
    for code in ("invalid-request", "unknown-field", "unknown-account", "overloaded", "too-large"):
        assert f"`{code}`" in document["info"]["description"]


def test_bentoml_describes_it_too(client: httpx.Client) -> None:
    routes = {route["route"] for route in client.get("/schema.json").json()["routes"]}
    assert routes == {"/v1/predict", "/v1/explain", "/v1/rank", "/v1/score"}


def test_campaigns_can_be_asked_for_as_they_are_told(client: httpx.Client, world: World) -> None:
    found = schemas.CampaignsResponse.model_validate_json(client.get("/v1/campaigns?limit=200").content)
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


def test_the_backtest_is_the_one_that_was_given(client: httpx.Client, backtested: Path, world: World) -> None:
    found = BacktestResponse.model_validate_json(client.get("/v1/backtest").content)
    metrics = json.loads((backtested / "metrics.json").read_text())
    assert found.data_fingerprint == world.store.fingerprint == client.get("/v1/model").json()["data_fingerprint"]
    assert [each.predicted for each in found.reliability] == [
        each["likelihood"] for each in metrics["reliability"]["model"]
    ]
    assert found.rules[0].name == "model"


def test_the_front_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.text
    assert not re.search(r"https?://|//[a-z]", answer.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert client.get(f"/{address}").status_code == 200


def test_the_console_is_what_its_folder_holds(client: httpx.Client) -> None:
    folder = Path(serving.__file__).parent / "console"
    assert (moved := client.get("/console")).status_code == 307
    assert client.get("/console", follow_redirects=True).url.path == "/console/"
    assert moved.headers["location"] == "console/", "relative, for a proxy's path"
    page = client.get("/console/")
    assert page.content == (folder / "index.html").read_bytes()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        answer = client.get(f"/console/{path.relative_to(folder)}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), path
        known = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
        if path.suffix in known:
            assert answer.headers["content-type"].startswith(known[path.suffix])
        assert answer.headers["cache-control"] == "no-cache"
        for tag in (answer.headers["etag"], f'"x", W/{answer.headers["etag"]}'):
            again = client.get(f"/console/{path.relative_to(folder)}", headers={"if-none-match": tag})
            assert (again.status_code, again.content) == (304, b"")
    assert client.post("/console/", json={}).status_code == 405


def test_the_console_may_load_and_ask_only_its_own_service(client: httpx.Client) -> None:
    for path in ("/console/", "/console/index.html"):
        found = client.get(path)
        told = found.headers["content-security-policy"]
        policy = dict(part.strip().split(" ", 1) for part in told.split(";"))
        again = client.get(path, headers={"if-none-match": found.headers["etag"]})
        assert (again.status_code, again.headers["content-security-policy"]) == (304, told)
        assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
        assert {policy[name] for name in ("default-src", "frame-ancestors", "form-action")} == {"'none'"}


@pytest.mark.parametrize(
    "path",
    ["../static.py", "..%2fstatic.py", "%2e%2e/static.py", "x/../../static.py", "/etc/passwd", "nothing.js", "."],
)
def test_nothing_beside_the_console_is_handed_out(server: str, path: str) -> None:
    host, port = server.removeprefix("http://").split(":")
    # By hand: clients tidy paths up before they send them.
    with socket.create_connection((host, int(port)), timeout=30) as sent:
        sent.sendall(f"GET /console/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sent.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"import" not in answer


def test_metrics_count_requests_answered_and_refused(client: httpx.Client) -> None:
    def count(code: int) -> float:
        lines = client.get("/metrics").text.splitlines()
        wanted = [line for line in lines if line.startswith(f'impel_answers_total{{route="/v1/rank",status="{code}"}}')]
        return sum(float(line.split()[-1]) for line in wanted)

    before = {code: count(code) for code in (200, 400, 415)}
    rank(client)
    client.post("/v1/rank", json={})
    client.post("/v1/rank", **raw(b"", "text/plain"))
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
        assert schemas.Problem.model_validate_json(answer.content).code in {"overloaded", "timeout"}
    assert all(answer.headers["retry-after"] for answer in refused if answer.status_code == 429)
    assert any(answer.status_code == 429 for answer in refused)
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    time.sleep(0.1)
    assert rank(client)["predictions"]


FAILING = [
    ({"data": "no/such/data"}, "no/such/data"),
    ({"model": "no/such/bundle"}, "no bundle folder 'no/such/bundle'"),
    ({"model": "models:/impel"}, "names no model"),
    ({"as_of": "yesterday-ish"}, "'yesterday-ish' is no moment"),
    ({"data": "", "store": ""}, "IMPEL_DATA is not set"),
    ({"data": "", "store": "."}, "not an event store"),
]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        (
            "IMPEL_KEYS",
            "no/such/keys.json",
            r"The keys no/such/keys\.json cannot be read \(No such file or directory\); ",
        ),
        ("IMPEL_RATE_LIMIT", "many", r"IMPEL_RATE_LIMIT must be a number at least 0\.001, not 'many'\.$"),
        ("IMPEL_RELOAD_SECONDS", "soon", r"IMPEL_RELOAD_SECONDS must be a number at least 0, not 'soon'\.$"),
        ("IMPEL_SHADOW_SHARE", "2", r"IMPEL_SHADOW_SHARE must be a number from 0 to 1, not '2'\.$"),
        ("IMPEL_LOG", "sqlite:///log.db", r"A log is kept in a folder or at postgresql://.*, not at sqlite://\.\.\.$"),
        ("IMPEL_LOG", "mysql://impel:secret@db/log", r"A log is kept in a folder or at .*, not at mysql://\.\.\.$"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    settings: dict[str, Any], setting: str, value: str, message: str
) -> None:
    data = {"IMPEL_STORE": str(settings["store"]), "IMPEL_MODEL": str(settings["model"])}
    done = start({**data, setting: value})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.match(f"error: {message}", line), line


def test_a_backtest_that_cannot_be_read_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = start({"IMPEL_BACKTEST": str(tmp_path)})
    assert done.returncode == 1
    assert re.fullmatch(r"error: There is no backtest in .*: it has no metrics\.json; make one with: .*\n", done.stderr)


def start(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serving.launch", *(arguments or ("127.0.0.1", "0"))],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("changes", "message"), FAILING)
def test_settings_that_cannot_be_used(
    settings: dict[str, Any], changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**settings, **changes}.items():
        monkeypatch.setenv(f"IMPEL_{name.upper()}", str(value))
    with pytest.raises(ImpelError, match=message):
        loading.load()


def test_what_does_not_start_says_why(settings: dict[str, Any]) -> None:
    with (
        pytest.raises(ImpelError, match="did not start: There is no bundle folder"),
        running(**settings | {"model": "x"}),
    ):
        pytest.fail("it started")


def test_a_broken_bundle_is_one_line_and_an_exit_code(world: World, tmp_path: Path) -> None:
    broken = shutil.copytree(world.bundle, tmp_path / "broken")
    (broken / "bundle.json").write_text("{}")
    done = start({"IMPEL_DATA": str(world.data), "IMPEL_MODEL": str(broken), "IMPEL_STORE": str(world.home / "store")})
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "bundle.json is damaged" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_taken_port_is_one_line_and_an_exit_code(server: str) -> None:
    done = start({}, "127.0.0.1", server.rpartition(":")[2])
    assert done.returncode == 1
    assert re.fullmatch(r"error: The service cannot listen on 127\.0\.0\.1, port \d+ \(.*\); choose .*\n", done.stderr)


def test_it_stops_when_asked_to_and_leaves_nothing_behind(settings: dict[str, Any], tmp_path: Path) -> None:
    names = {"data": "IMPEL_DATA", "model": "IMPEL_MODEL", "store": "IMPEL_STORE", "as_of": "IMPEL_AS_OF"}
    environment = {names[name]: str(value) for name, value in settings.items()} | {"TMPDIR": str(tmp_path)}
    environment.pop("IMPEL_DATA")  # a prepared store is enough
    command = [sys.executable, "-m", "serving.launch", "127.0.0.1", "0"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith(READY), line + process.stderr.read()
        url = line.removeprefix(READY).strip()
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.post(f"{url}/v1/predict", json={}).status_code == 400
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        console, *lines = process.stderr.read().splitlines()
        assert console.endswith(f" {url}/console")
        (logged,) = [json.loads(line) for line in lines]
        assert logged["status"] == 400
        assert "trace" not in logged, "what a caller got wrong is no failure of the service"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")


_FIRST = """
import importlib, json, pathlib, sys
import serving
from numba.core.dispatcher import Dispatcher
from serving import loading, openapi, raw, schemas

answers = loading.champion().answers
folders = [pathlib.Path(serving.__file__).parent, pathlib.Path(serving.__file__).parents[1] / "features"]
modules = [importlib.import_module(f"{each.name}.{file.stem}") for each in folders for file in each.glob("*kernels.py")]

def compiled():
    kernels = [each for module in modules for each in vars(module).values() if isinstance(each, Dispatcher)]
    return {kernel.py_func.__qualname__: len(kernel.signatures) for kernel in kernels}

before = compiled()
for path, model in {
    "predict": schemas.PredictRequest, "rank": schemas.RankRequest, "explain": schemas.ExplainRequest,
    "score": raw.ScoreRequest,
}.items():
    body = openapi.document()["paths"][f"/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]["example"]
    getattr(answers, path)(model.model_validate_json(json.dumps(body)))
answers.account(answers.snapshot.accounts["account_id"][0])
answers.campaigns(schemas.CampaignsRequest())
late = {name: count for name, count in compiled().items() if count > before[name]}
print(json.dumps([sum(before.values()), late]))
"""


def test_nothing_is_compiled_for_the_first_caller(settings: dict[str, Any]) -> None:
    environment = {f"IMPEL_{name.upper()}": str(settings[name]) for name in ("store", "model", "as_of")}
    done = subprocess.run(
        [sys.executable, "-c", _FIRST], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    compiled, late = json.loads(done.stdout)
    assert compiled > 20
    assert late == {}


def test_importing_the_service_loads_neither_training_nor_mlflow_nor_scikit_learn() -> None:
    program = "import sys, serving.service; print({name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'(\w+)'", done.stdout))
    assert {"serving", "bentoml"} <= loaded
    assert not loaded & {"training", "mlflow", "sklearn"}


def test_a_socket_elsewhere_is_refused_politely() -> None:
    done = start({}, "203.0.113.7", "80")
    assert done.returncode == 1
    assert "cannot listen on 203.0.113.7, port 80" in done.stderr
    assert socket.gethostname() not in done.stderr
