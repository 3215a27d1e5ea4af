"""/v1/explain: where a likelihood comes from, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from serving.schemas import responses
from tests.service.api.conftest import AS_OF, BRIEF, World, predict

if TYPE_CHECKING:
    import httpx


def explain(client: httpx.Client, candidates: list[dict[str, Any]]) -> dict[str, Any]:
    answer = client.post("/v1/explain", json={"brief": BRIEF, "candidates": candidates})
    assert answer.status_code == 200, answer.text
    responses.ExplainResponse.model_validate_json(answer.content)
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
