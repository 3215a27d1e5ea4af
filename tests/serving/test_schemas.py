from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from features.tables import DIMENSIONS, GOALS
from serving.schemas import requests, responses

BRIEF: dict[str, Any] = {"goal": "sale", "vertical": "food", "starts_at": "2026-12-01T00:00:00Z"}


def predict(**changes: Any) -> requests.PredictRequest:
    body = {"brief": BRIEF, "candidates": [{"account_id": "a1"}], **changes}
    return requests.PredictRequest.model_validate_json(json.dumps(body))


def rank(**changes: Any) -> requests.RankRequest:
    return requests.RankRequest.model_validate_json(json.dumps({"brief": BRIEF, **changes}))


def test_vocabularies_are_those_of_the_data_contract() -> None:
    assert get_args(requests.Goal) == GOALS
    assert get_args(requests.Dimension) == DIMENSIONS


def test_only_goal_vertical_and_start_are_required() -> None:
    assert predict().brief.attribution_days == 30
    for name in BRIEF:
        with pytest.raises(ValidationError, match="Field required"):
            predict(brief={key: value for key, value in BRIEF.items() if key != name})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01T00:00:00Z", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T02:00:00+02:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00:00.123456Z", datetime(2026, 12, 1, 0, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_moments_are_utc(text: str, moment: datetime) -> None:
    found = predict(brief={**BRIEF, "starts_at": text}).brief.starts_at
    assert found == moment
    assert found.tzinfo is UTC


INVALID_PREDICT = [
    ({"brief": {**BRIEF, "goal": "sales"}}, "'awareness', 'engagement'"),
    ({"brief": {**BRIEF, "vertical": "Food"}}, "must be lower case: 'food', not 'Food'"),
    ({"brief": {**BRIEF, "starts_at": 1}}, "valid datetime"),
    ({"brief": {**BRIEF, "starts_at": "2026-12-01"}}, "valid datetime"),
    ({"brief": {**BRIEF, "starts_at": "1999-12-31T00:00:00Z"}}, "2000 to 2099, not 1999"),
    ({"brief": {**BRIEF, "ends_at": "2026-11-30T00:00:00Z"}}, "lies before starts_at"),
    ({"brief": {**BRIEF, "attribution_days": 0}}, "greater than or equal to 1"),
    ({"brief": {**BRIEF, "value_per_action": "60"}}, "valid number"),
    ({"brief": {**BRIEF, "value_per_action": -1}}, "greater than or equal to 0"),
    ({"brief": {**BRIEF, "value_per_action": float("inf")}}, "finite number"),
    ({"brief": {**BRIEF, "value_per_action": float("nan")}}, "finite number"),
    ({"brief": {**BRIEF, "value_per_action": 1e10}}, "less than or equal to"),
    ({"brief": {**BRIEF, "topics": ["x"] * 51}}, "at most 50 items"),
    ({"brief": {**BRIEF, "brief": "x" * 10_001}}, "at most 10000 characters"),
    ({"brief": {**BRIEF, "audience": {"planet": {"earth": 1}}}}, "'country', 'age'"),
    ({"brief": {**BRIEF, "audience": {"country": {"US": 80, "GB": 20}}}}, "less than or equal to 1"),
    ({"brief": {**BRIEF, "audience": {"country": {"US": 0.8, "GB": 0.8}}}}, "add up to 1.6, more than 1"),
    ({"brief": {**BRIEF, "audience": {"city": {f"c{n}": 0.001 for n in range(201)}}}}, "at most 200 items"),
    ({"brief": {**BRIEF, "colour": "red"}}, "Extra inputs are not permitted"),
    ({"candidates": []}, "at least 1 item"),
    ({"candidates": [{"account_id": "a"}] * 1001}, "at most 1000 items"),
    ({"candidates": [{"account_id": ""}]}, "at least 1 character"),
    ({"candidates": [{"account_id": 7}]}, "valid string"),
    ({"candidates": [{"account_id": "a", "at_least": 0}]}, "greater than or equal to 1"),
    ({"candidates": [{"account_id": "a", "at_least": 2.5}]}, "valid integer"),
    ({"candidates": [{"account_id": "a", "at_least": True}]}, "valid integer"),
    ({"candidates": [{"account_id": "a", "fee": -1}]}, "greater than or equal to 0"),
    ({"candidates": [{"account_id": "a"}] * 101, "reasons": True}, "for 100 accounts at most, not 101"),
    ({"reasons": "yes"}, "valid boolean"),
]


@pytest.mark.parametrize(("changes", "message"), INVALID_PREDICT)
def test_what_predict_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        predict(**changes)


INVALID_RANK = [
    ({"filters": {"platforms": []}}, "at least 1 item"),
    ({"filters": {"platforms": ["Instagram"]}}, "must be lower case"),
    ({"filters": {"countries": ["us"]}}, "match pattern"),
    ({"filters": {"min_followers": 10, "max_followers": 9}}, "no account can have both"),
    ({"filters": {"min_likelihood": 1.5}}, "less than or equal to 1"),
    ({"order_by": "fame"}, "'likelihood', 'expected_actions'"),
    ({"order_by": "value_per_cost"}, "needs brief.value_per_action and fees"),
    ({"limit": 0}, "greater than or equal to 1"),
    ({"limit": 1001}, "less than or equal to 1000"),
    ({"limit": 101, "reasons": True}, "at most, not 101; lower limit"),
    ({"fees": {"a": float("nan")}}, "finite number"),
]


@pytest.mark.parametrize(("changes", "message"), INVALID_RANK)
def test_what_rank_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rank(**changes)


def test_rounded_shares_may_add_up_to_a_little_more_than_one() -> None:
    shares = {"US": 0.34, "GB": 0.34, "FR": 0.33}
    audience = predict(brief={**BRIEF, "audience": {"country": shares}}).brief.audience
    assert audience == {"country": shares}


def test_reasons_are_left_out_unless_asked_for() -> None:
    values: dict[str, Any] = {
        "account_id": "a",
        "at_least": 1,
        "likelihood": 0.5,
        "expected_actions": 1.5,
        "actions_low": 0,
        "actions_high": 4,
        "expected_value": None,
        "expected_incremental_actions": None,
        "incremental_low": None,
        "incremental_high": None,
        "support": "in",
        "own_record_weight": 0.25,
        "baselines": dict.fromkeys(responses.Baselines.model_fields),
    }
    assert json.loads(responses.Prediction.model_validate(values).model_dump_json()) == values
    assert '"reasons":[]' in responses.Prediction.model_validate({**values, "reasons": []}).model_dump_json()
