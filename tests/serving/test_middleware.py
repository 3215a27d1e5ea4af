from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from serving import middleware
from serving.middleware import MAX_BODY, MAX_DEPTH, ProblemDetails, RequestLimits, depth
from serving.schemas import responses

JSON = [(b"content-type", b"application/json")]


def call(
    app: Any, *, method: str = "POST", headers: list[Any] = JSON, body: list[bytes] | None = None, **more: Any
) -> Any:
    """Send one request to an ASGI application; return status, headers and body of its answer."""
    parts = [
        {"type": "http.request", "body": part, "more_body": number + 1 < len(body or [b"{}"])}
        for number, part in enumerate(body or [b"{}"])
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/v1/predict", "headers": headers, **more}
    asyncio.run(app(scope, receive, send))
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1, "exactly one answer"
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return starts[0]["status"], dict(starts[0]["headers"]), content


def answering(status: int, content: bytes, headers: list[Any] | None = None) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers or []})
        await send({"type": "http.response.body", "body": content[:3], "more_body": True})
        await send({"type": "http.response.body", "body": content[3:]})

    return app


async def raising(_scope: Any, _receive: Any, _send: Any) -> None:
    raise RuntimeError("the secret path /etc/impel")


async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
    return


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


ERRORS = [
    (answering(404, b"Not Found"), 404, "not-found"),
    (answering(405, b"Method Not Allowed", [(b"allow", b"POST")]), 405, "method-not-allowed"),
    (answering(400, b'[{"error": "Give a fee."}]'), 400, "invalid-request"),
    (answering(429, b'{"error": "Too many requests"}'), 429, "overloaded"),
    (answering(500, b'{"error": "An unexpected error"}'), 500, "internal"),
    (answering(500, b"Traceback (most recent call last): /srv/impel"), 500, "internal"),
    (answering(504, b'{"error": "Not able to process"}'), 504, "timeout"),
    (answering(418, b"short and stout"), 418, "invalid-request"),
    (answering(502, b"<html>"), 502, "internal"),
    (raising, 500, "internal"),
    (silent, 500, "internal"),
]


@pytest.mark.parametrize(("app", "status", "code"), ERRORS)
def test_every_error_is_a_problem(app: Any, status: int, code: str) -> None:
    found, headers, content = call(ProblemDetails(app))
    problem = responses.Problem.model_validate_json(content)
    assert (found, problem.status, problem.code) == (status, status, code)
    assert headers[b"content-type"] == b"application/problem+json"
    assert int(headers[b"content-length"]) == len(content)
    assert b"secret" not in content
    assert b"/srv" not in content


def test_headers_of_an_error_are_kept() -> None:
    app = answering(405, b"no", [(b"allow", b"POST"), (b"content-length", b"2"), (b"content-type", b"text/plain")])
    assert call(ProblemDetails(app))[1][b"allow"] == b"POST"
    assert call(ProblemDetails(answering(429, b"{}")))[1][b"retry-after"] == b"1"


def test_message_of_a_refusal_is_kept() -> None:
    problem = json.loads(call(ProblemDetails(answering(400, b'[{"error": "Give a fee."}]')))[2])
    assert problem["detail"] == "Give a fee."


def test_what_succeeds_passes_unchanged() -> None:
    app = answering(200, b'{"a": 1}', [(b"x", b"y")])
    assert call(ProblemDetails(app)) == (200, {b"x": b"y"}, b'{"a": 1}')


def test_an_answer_that_breaks_off_is_not_begun_twice() -> None:
    async def breaking(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    assert call(ProblemDetails(breaking))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200),
        ([(b"content-type", b"Application/JSON; charset=utf-8")], 200),
        ([(b"content-type", b"text/plain")], 415),
        ([(b"content-type", b"application/vnd.bentoml+pickle")], 415),
        ([(b"content-type", b"multipart/form-data; boundary=x")], 415),
        ([], 415),
    ],
)
def test_only_json_comes_in(headers: list[Any], status: int) -> None:
    assert call(RequestLimits(echo), headers=headers)[0] == status


def test_body_reaches_the_application_whole() -> None:
    assert call(RequestLimits(echo), body=[b"ab", b"cd", b"e"])[2] == b"abcde"


@pytest.mark.parametrize("parts", [1, 7])
def test_bodies_are_bounded(parts: int) -> None:
    whole = b" " * (MAX_BODY // parts)
    assert call(RequestLimits(echo), body=[whole] * parts)[0] == 200
    status, _, content = call(RequestLimits(echo), body=[whole] * parts + [b" " * parts])
    assert status == 413
    assert json.loads(content)["code"] == "too-large"


def test_requests_without_a_body_pass() -> None:
    assert call(RequestLimits(answering(200, b"abc")), method="GET", headers=[])[0] == 200


DEPTHS = [
    (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, True),
    (b"[" * (MAX_DEPTH + 1), False),
    (b'{"a":' * 17 + b"1" + b"}" * 17, False),
    (b"[" + b"[]," * 1000 + b"1]", True),
    (b'["' + b"[" * 1000 + b'"]', True),
    (b'["' + b'\\"[' * 1000 + b'"]', True),
    (b'["]]]]]",' + b'["]]]]]",' * 17, False),
    (b'"' + b'\\"' * 500_000, True),
    (b'"' * 500_001 + b"[" * 17, True),
    (b'"' * 500_000 + b"[" * 17, False),
]


@pytest.mark.parametrize(("body", "passes"), DEPTHS)
def test_nesting_is_bounded(body: bytes, *, passes: bool) -> None:
    assert (depth(body) <= MAX_DEPTH) == passes
    status, _, content = call(RequestLimits(echo), body=[body])
    assert status == (200 if passes else 400)
    assert passes or json.loads(content)["code"] == "invalid-json"


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never(scope: Any, _receive: Any, send: Any) -> None:
        parts = [{"type": "http.request", "body": b"{", "more_body": True}]

        async def slow() -> Any:
            return parts.pop() if parts else await asyncio.Event().wait()

        await RequestLimits(echo, seconds=0.01)(scope, slow, send)

    status, headers, content = call(never)
    assert (status, json.loads(content)["code"]) == (408, "slow-request")
    assert headers[b"connection"] == b"close"


def test_bodies_that_wait_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "MAX_WAITING", 1000)
    limits = RequestLimits(echo)

    async def meet(_scope: Any, _receive: Any, send: Any) -> None:
        rest, taken = asyncio.Event(), asyncio.Event()
        answers: list[Any] = []

        async def slow() -> Any:
            if not taken.is_set():
                taken.set()
                return {"type": "http.request", "body": b" " * 990, "more_body": True}
            await rest.wait()
            return {"type": "http.request", "body": b" ", "more_body": False}

        async def keep(message: Any) -> None:
            answers.append(message)

        async def large() -> Any:
            return {"type": "http.request", "body": b" " * 990, "more_body": True}

        scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": JSON}
        first = asyncio.create_task(limits(scope, slow, keep))
        await taken.wait()
        await limits(scope, large, send)
        rest.set()
        await first
        assert answers[0]["status"] == 200

    status, headers, content = call(meet)
    assert (status, json.loads(content)["code"]) == (503, "overloaded")
    assert headers[b"retry-after"] == b"1"
    assert call(limits, body=[b" " * 990, b" "])[0] == 200, "what was answered counts no more"


def test_a_body_that_breaks_off_is_no_failure_of_the_service() -> None:
    async def broken(scope: Any, _receive: Any, send: Any) -> None:
        async def gone() -> Any:
            return {"type": "http.disconnect"}

        await RequestLimits(echo)(scope, gone, send)

    assert call(ProblemDetails(broken))[0] == 400
