"""The OpenAPI document at /docs.json, made from the schemas: BentoML's own lists neither nulls, limits nor problems."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from serving import raw
from serving.backtest import BacktestResponse
from serving.middleware import CODES, SPECIAL
from serving.schemas import requests, responses

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
    "filters": {
        "platforms": ["instagram", "tiktok"],
        "countries": ["US", "GB"],
        "min_followers": 1000,
        "verticals": ["food"],
        "max_fake_share": 0.4,
        "exclude_accounts": ["a00042"],
    },
    "order_by": "expected_value",
    "limit": 10,
}
OUTCOMES = {
    "outcomes": [
        {
            "campaign_id": "c0059",
            "account_id": "a00017",
            "decided_at": "2026-06-01T09:00:00Z",
            "posted_at": "2026-06-04T18:30:00Z",
            "fee": 250.0,
            "clicks": 310,
            "actions": 6,
            "closed_at": "2026-07-04T18:30:00Z",
        }
    ]
}
_EXPLAIN = {"brief": BRIEF, "candidates": [{"account_id": "a00017", "fee": 250.0}]}
SCORE = {
    "brief": BRIEF,
    "influencer": {
        "accounts": [{"account_id": "jelly.jane", "platform": "instagram", "country": "US", "language": "en"}],
        "account_stats": [
            {"account_id": "jelly.jane", "observed_at": "2026-03-01T00:00:00Z", "followers": 8200, "following": 640},
            {"account_id": "jelly.jane", "observed_at": "2026-05-20T00:00:00Z", "followers": 9100, "following": 650},
        ],
        "posts": [
            {
                "post_id": "p1",
                "account_id": "jelly.jane",
                "published_at": "2026-05-12T18:00:00Z",
                "topics": ["food"],
                "caption": "Strawberry jelly in ten minutes",
                "likes": 410,
                "comments": 23,
            }
        ],
        "interactions": [
            {
                "actor_id": "sam",
                "account_id": "jelly.jane",
                "post_id": "p1",
                "kind": "comment",
                "at": "2026-05-12T20:00:00Z",
                "text": "Made it for breakfast, so good",
            }
        ],
        "audiences": [
            {
                "account_id": "jelly.jane",
                "observed_at": "2026-05-01T00:00:00Z",
                "dimension": "country",
                "bucket": "US",
                "share": 0.7,
            }
        ],
    },
    "candidates": [{"account_id": "jelly.jane", "fee": 200.0}],
}
_MODELS: tuple[type[BaseModel], ...] = (
    requests.PredictRequest,
    responses.PredictResponse,
    requests.ExplainRequest,
    responses.ExplainResponse,
    requests.RankRequest,
    responses.RankResponse,
    responses.CampaignsResponse,
    BacktestResponse,
    requests.OutcomesRequest,
    responses.OutcomesResponse,
    raw.ScoreRequest,
    responses.ScoreResponse,
    responses.AccountResponse,
    responses.ModelResponse,
    responses.Problem,
)
_POST_PROBLEMS = (400, 401, 403, 408, 413, 415, 429, 500, 503, 504)


_DESCRIPTION = """\
How likely each influencer is to drive the action that a campaign wants, how many actions to expect, and how sure that
is.

**Terms.** A *brief* is what a campaign wants: one goal, a vertical, a start. An *account* is one influencer on one
platform; an *activation* is one account hired for one campaign. *Actions* are what the goal counts: impressions
(awareness), engagements (engagement), clicks (traffic), sign-ups (signup) or orders (sale) within `attribution_days`.
`likelihood` is the calibrated probability of at least `at_least` actions; `actions_low` to `actions_high` holds the
number with 90 %. `at_least` is the caller's number, else the break-even of `fee` and `value_per_action`, else 1.
`support` says whether accounts like this one were ever hired for briefs like this one: `in`, `edge` or `outside`.

**Time.** All answers are given as of `features_as_of`; nothing later is looked at. Moments are UTC where they name no
zone.

**Null** is not measured; 0 is measured, none.

**Errors** are problem details (RFC 9457, `application/problem+json`) with a stable `code`:

{codes}

Where a body has several faults, `errors` names each with a JSON pointer and a code of its own, such as `missing` or
`unknown-field`. After 429 and 503, wait for `Retry-After` seconds.
"""


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
            "description": _DESCRIPTION.format(
                codes="\n".join(f"- {status} `{code}`: {meaning}" for status, code, meaning in codes())
            ),
        },
        "paths": {
            "/v1/predict": {
                "post": _post(
                    "predict", requests.PredictRequest, responses.PredictResponse, _PREDICT, "Predict accounts"
                )
            },
            "/v1/explain": {
                "post": _post(
                    "explain", requests.ExplainRequest, responses.ExplainResponse, _EXPLAIN, "Explain accounts"
                )
            },
            "/v1/rank": {
                "post": _post("rank", requests.RankRequest, responses.RankResponse, _RANK, "Rank all accounts")
            },
            "/v1/outcomes": {
                "post": _post(
                    "outcomes",
                    requests.OutcomesRequest,
                    responses.OutcomesResponse,
                    OUTCOMES,
                    "Report what came of activations",
                    problems=(400, 401, 403, 408, 409, 413, 415, 429, 500, 501, 503),
                )
            },
            "/v1/score": {
                "post": _post(
                    "score", raw.ScoreRequest, responses.ScoreResponse, SCORE, "Predict an influencer nobody knows"
                )
            },
            "/v1/accounts/{account_id}": {
                "get": {
                    "operationId": "account",
                    "summary": "What is known of one account without a brief",
                    "parameters": [
                        {
                            "name": "account_id",
                            "in": "path",
                            "required": True,
                            "description": "As in the data; what has a meaning in addresses is to be percent-encoded.",
                            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                            "example": "a00017",
                        }
                    ],
                    "responses": {"200": _answer(responses.AccountResponse), **_problems((401, 403, 404, 429, 500))},
                }
            },
            "/v1/campaigns": {
                "get": {
                    "operationId": "campaigns",
                    "summary": "Past and planned campaigns of the data",
                    "parameters": _query(requests.CampaignsRequest, {"search": "food", "limit": 10}),
                    "responses": {"200": _answer(responses.CampaignsResponse), **_problems((400, 401, 403, 429, 500))},
                }
            },
            "/v1/backtest": {
                "get": {
                    "operationId": "backtest",
                    "summary": "What a backtest found of the model and of the usual rules",
                    "responses": {"200": _answer(BacktestResponse), **_problems((401, 403, 404, 429, 500))},
                }
            },
            "/v1/model": {
                "get": {
                    "operationId": "model",
                    "summary": "Which model answers",
                    "responses": {"200": _answer(responses.ModelResponse), **_problems((401, 403, 429, 500))},
                }
            },
            **{path: _plain(path, meaning) for path, meaning in _PLAIN.items()},
            "/metrics": _plain("/metrics", "Counters for Prometheus", problems=(401, 403, 429)),
        },
        "components": {"schemas": definitions["$defs"], "securitySchemes": {"key": _KEY}},
        # A service without keys answers without one, too.
        "security": [{"key": []}, {}],
    }


_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key of whoever runs the service; its scopes say what it is good for.",
}
_PLAIN = {
    "/livez": "Whether the process is alive",
    "/readyz": "Whether it answers",
    "/healthz": "The same as /livez",
}


def codes() -> list[tuple[int, str, str]]:
    """Return status, code and meaning of every error."""
    usual = [(status, code, meaning) for status, (code, meaning) in CODES.items()]
    return sorted([*usual, *((status, code, meaning) for (code, status), meaning in SPECIAL.items())])


def _post(
    name: str,
    asked: type[BaseModel],
    answered: type[BaseModel],
    example: dict[str, Any],
    summary: str,
    *,
    problems: tuple[int, ...] = _POST_PROBLEMS,
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(asked), "example": example}},
        },
        "responses": {"200": _answer(answered), **_problems(problems)},
    }


def _answer(model: type[BaseModel]) -> dict[str, Any]:
    description = (model.__doc__ or "").strip()
    return {"description": description, "content": {"application/json": {"schema": _reference(model)}}}


def _problems(statuses: tuple[int, ...]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _reference(responses.Problem)}}
    return {str(status): {"description": CODES[status][1], "content": content} for status in statuses}


def _query(model: type[BaseModel], example: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a model as the parameters of a query."""
    return [
        {"name": name, "in": "query", "description": kind.pop("description"), "schema": kind, "example": example[name]}
        for name, kind in model.model_json_schema()["properties"].items()
    ]


def _plain(path: str, meaning: str, *, problems: tuple[int, ...] = ()) -> dict[str, Any]:
    answer = {"description": meaning, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "get": {
            "operationId": path.removeprefix("/"),
            "summary": meaning,
            "responses": {"200": answer, **_problems(problems)},
        }
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
