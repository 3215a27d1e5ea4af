"""Requests that are wrong, at any address: what was wrong, what came and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from serving import openapi
from serving.middleware import MAX_BODY
from serving.schemas import responses
from tests.service.api.conftest import BRIEF

if TYPE_CHECKING:
    import httpx


def bad(path: str = "/v1/predict", status: int = 400, code: str = "invalid-request", **body: Any) -> Any:
    """One bad request: what is sent as JSON (`json`) or raw (`content`), and the answer."""
    return path, body, status, code


def brief(**changes: Any) -> dict[str, Any]:
    return {"json": {"brief": {**BRIEF, **changes}, "candidates": [{"account_id": "a"}]}}


def candidates(*found: Any, **more: Any) -> dict[str, Any]:
    return {"json": {"brief": BRIEF, "candidates": list(found), **more}}


def raw(content: bytes, media_type: str = "application/json") -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": media_type}}


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
    problem = responses.Problem.model_validate_json(answer.content)
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
        assert responses.Problem.model_validate_json(answer.content).status == status
    assert client.get("/v1/predict").headers["allow"] == "POST"


def test_a_body_without_a_length_is_bounded_too(client: httpx.Client) -> None:
    parts = (b" " * 65536 for _ in range(MAX_BODY // 65536 + 2))
    answer = client.post("/v1/predict", content=parts, headers={"content-type": "application/json"})
    assert answer.status_code == 413
