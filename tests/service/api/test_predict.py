"""/v1/predict: named accounts."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features import build
from serving.answers import Answers
from serving.predictor import Predictor
from serving.schemas import requests, responses
from tests.service.api.conftest import AS_OF, BRIEF, World, predict

if TYPE_CHECKING:
    import httpx


def test_candidates_are_answered_in_their_order_and_strangers_named(client: httpx.Client, world: World) -> None:
    first, second, third = world.ids[:3]
    asked = [third, "stranger", first, third, "stranger", second]
    answer = predict(client, [{"account_id": account} for account in asked])
    assert [each["account_id"] for each in answer["predictions"]] == [third, first, third, second]
    assert answer["predictions"][0] == answer["predictions"][2]
    assert answer["unknown_accounts"] == ["stranger"]
    assert answer["model_version"] == "demo"
    assert answer["features_as_of"] == AS_OF
    assert set(answer["predictions"][0]) == set(responses.Prediction.model_fields) - {"reasons"}


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
    found = answers.predict(requests.PredictRequest.model_validate_json(json.dumps(body)))
    assert [each.baselines for each in found.predictions] == [
        responses.Baselines(followers=None, engagement_rate=None, klout=None, kred=None, peerindex=None)
    ] * 5
    assert all(0 <= each.likelihood <= 1 for each in found.predictions)
    filters = {"min_followers": 0, "max_followers": 10**12}
    ranked = answers.rank(requests.RankRequest.model_validate_json(json.dumps({"brief": BRIEF, "filters": filters})))
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
