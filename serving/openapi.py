"""The OpenAPI document at /docs.json, made from the schemas: BentoML's own lists neither nulls, limits nor problems."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from serving import schemas
from serving.middleware import CODES

if TYPE_CHECKING:
    from pydantic import BaseModel

BRIEF = {
    "goal": "sale",
    "vertical": "food",
    "brand_id": "b7",
    "topics": ["food", "home"],
    "brief": "new jelly",
    "starts_at": "2026-12-01T00:00:00Z",
    "attribution_days": 30,
    "value_per_action": 60.0,
    "audience": {"country": {"US": 0.8, "GB": 0.2}, "gender": {"female": 0.7, "male": 0.3}},
}
_PREDICT = {
    "brief": BRIEF,
    "candidates": [{"account_id": "a00017", "fee": 250.0}, {"account_id": "a00042", "at_least": 3}],
    "reasons": False,
}
_RANK = {
    "brief": BRIEF,
    "filters": {"platforms": ["instagram", "tiktok"], "min_followers": 1000},
    "order_by": "likelihood",
    "limit": 10,
}
_MODELS: tuple[type[BaseModel], ...] = (
    schemas.PredictRequest,
    schemas.PredictResponse,
    schemas.RankRequest,
    schemas.RankResponse,
    schemas.ModelResponse,
    schemas.Problem,
)
_POST_PROBLEMS = (400, 413, 415, 429, 500, 504)


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the service."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Impel",
            "version": "1",
            "description": "How likely each influencer is to drive the action a campaign wants, and how sure that is.",
        },
        "paths": {
            "/v1/predict": {
                "post": _post("predict", schemas.PredictRequest, schemas.PredictResponse, _PREDICT, "Predict accounts")
            },
            "/v1/rank": {"post": _post("rank", schemas.RankRequest, schemas.RankResponse, _RANK, "Rank all accounts")},
            "/v1/model": {
                "get": {
                    "operationId": "model",
                    "summary": "Which model answers",
                    "responses": {"200": _answer(schemas.ModelResponse), **_problems((429, 500))},
                }
            },
            **{path: _plain(path, meaning) for path, meaning in _PLAIN.items()},
        },
        "components": {"schemas": definitions["$defs"]},
    }


_PLAIN = {
    "/livez": "Whether the process is alive",
    "/readyz": "Whether it answers",
    "/healthz": "The same as /livez",
    "/metrics": "Counters for Prometheus",
}


def _post(
    name: str, asked: type[BaseModel], answered: type[BaseModel], example: dict[str, Any], summary: str
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(asked), "example": example}},
        },
        "responses": {"200": _answer(answered), **_problems(_POST_PROBLEMS)},
    }


def _answer(model: type[BaseModel]) -> dict[str, Any]:
    description = (model.__doc__ or "").strip()
    return {"description": description, "content": {"application/json": {"schema": _reference(model)}}}


def _problems(statuses: tuple[int, ...]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _reference(schemas.Problem)}}
    return {str(status): {"description": CODES[status][1], "content": content} for status in statuses}


def _plain(path: str, meaning: str) -> dict[str, Any]:
    return {
        "get": {
            "operationId": path.removeprefix("/"),
            "summary": meaning,
            "responses": {"200": {"description": meaning, "content": {"text/plain": {"schema": {"type": "string"}}}}},
        }
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
