"""Two ASGI layers: one bounds what comes in, the other gives every error one shape (RFC 9457 problem details)."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import numpy as np

from features.errors import nearest
from serving.request import REQUEST
from serving.schemas import requests, responses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

MAX_BODY = 2 * 1024 * 1024
BODY_SECONDS = 10.0
"""What a caller may take to send a body."""
MAX_WAITING = 128 * 1024 * 1024
"""Bytes of all bodies together that have not arrived as a whole."""
MAX_DEPTH = 16
"""How many arrays and objects may lie within each other; what the schemas know needs about half of that."""

_JSON = b"application/json"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1

CODES = {
    400: ("invalid-request", "The request cannot be read."),
    401: ("key-missing", "This needs an API key: send Authorization: Bearer KEY."),
    403: ("forbidden", "This API key is not good for this."),
    404: ("not-found", "There is nothing at this address; /docs.json lists what there is."),
    405: ("method-not-allowed", "This address does not know this method; the header Allow names those it does."),
    408: ("slow-request", "The body took too long to arrive; send it faster, or less of it."),
    409: ("contradiction", "Some outcomes are known with other values; a correction must have closed later."),
    413: ("too-large", f"The body is larger than {MAX_BODY} bytes; send fewer candidates at a time."),
    415: ("unsupported-media-type", "The body must be JSON: send Content-Type: application/json."),
    429: ("overloaded", "Too many requests at once; try again in a moment."),
    500: ("internal", "Something went wrong inside; the service's log says what."),
    501: ("no-log", "This service keeps no log; start it with --log LOG to report outcomes."),
    503: ("overloaded", "The service cannot answer now; try again in a moment."),
    504: ("timeout", "The answer took too long; ask for fewer accounts at a time."),
}
"""Status -> stable code and what to do."""
SPECIAL = {
    ("invalid-json", 400): "The body is no JSON.",
    ("unknown-field", 400): "The body has fields that do not exist, and no other fault.",
    ("key-unknown", 401): "This API key is not known; ask for a new one.",
    ("key-expired", 401): "This API key has expired; ask for a new one.",
    ("keys-required", 403): "This service has no API keys, so it answers on its own machine only; whoever runs it sets "
    "IMPEL_KEYS, or IMPEL_WITHOUT_KEYS=true where something in front of it checks who asks.",
    ("scope-missing", 403): "This API key lacks the scope that WWW-Authenticate names.",
    ("unknown-account", 404): "The data do not know this account.",
    ("no-backtest", 404): "This service shows no backtest; start it with --backtest DIR, which impel backtest wrote.",
    ("rate-limited", 429): "This API key asks too often; wait as long as Retry-After says.",
    ("not-stored", 503): "No outcome could be stored; send them again.",
}
"""Code and status -> meaning, where a status has more than one code."""

# Where the inner layer leaves the body for the outer one, which quotes what was wrong in it.
_SHARED = "impel.request"
_FIELDS = {
    name
    for model in (
        requests.PredictRequest,
        requests.RankRequest,
        requests.Brief,
        requests.Candidate,
        requests.Filters,
        requests.OutcomesRequest,
        requests.Outcome,
        requests.CampaignsRequest,
    )
    for name in model.model_fields
}


class RequestLimits:
    """Refuse bodies that are too large, too slow, too deep or not JSON before anything reads them.

    BentoML would take any content type for JSON, fetch addresses out of forms, and read bodies of any size for as long
    as they take. This layer lies around BentoML's, so that a request takes a place only once it is there as a whole.
    """

    def __init__(self, app: App, *, max_body: int = MAX_BODY, seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self.max_body = max_body
        self.seconds = seconds
        self._waiting = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Read the body up to the limits and hand it on, or answer 400, 408, 413, 415 or 503."""
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self.app(scope, receive, send)
            return
        body = await self._body(scope, receive)
        if isinstance(body, responses.Problem):
            await respond(send, body, headers=[(b"connection", b"close")] if body.status in {408, 503} else [])
            return
        scope.get(_SHARED, {})["body"] = body
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)

    async def _body(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes | responses.Problem:
        """Return the body, or what is wrong with it."""
        given = dict(scope["headers"]).get(b"content-type", b"")
        if given != _JSON and given.split(b";")[0].strip().lower() != _JSON:
            return problem(415)
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._arriving(receive)
        except TimeoutError:
            return problem(408)
        if isinstance(body, bytes) and depth(body) > MAX_DEPTH:
            detail = f"The body is nested more than {MAX_DEPTH} levels deep."
            return problem(400, code="invalid-json", detail=detail)
        return body

    async def _arriving(self, receive: Receive) -> bytes | responses.Problem:
        """Return the body once it is there as a whole, or why it is not waited for."""
        body = bytearray()
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return problem(400, detail="The body broke off.")
                part = message.get("body", b"")
                body += part
                self._waiting += len(part)
                if len(body) > self.max_body:
                    return problem(413)
                if not message.get("more_body", False):
                    return bytes(body)
                if self._waiting > MAX_WAITING:
                    return problem(503)
        finally:
            self._waiting -= len(body)


def depth(body: bytes) -> int:
    """Return how many arrays and objects of a JSON text lie within each other at most.

    Where the whole text has no more than `MAX_DEPTH` of them, their number is returned: that bounds the depth.
    """
    brackets = body.count(b"[") + body.count(b"{")
    if brackets <= MAX_DEPTH:
        return brackets
    # Without a backslash, quotes open and close in turn, which is faster to see. The pattern is possessive, and for it
    # the end of the text ends a string, too: no text makes it take more than one pass.
    outside = _STRING.sub(b"", body) if b"\\" in body else b"".join(body.split(b'"')[::2])
    steps = _STEPS[np.frombuffer(outside, dtype=np.uint8)]
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


class ProblemDetails:
    """Give every answer of status 400 and above the shape of `responses.Problem`, and never raise.

    This layer lies around the whole application, BentoML's own layers included, since those answer overload and
    time-outs in a shape of their own and let a request hang where an inner layer raises.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass on what succeeds; hold back what fails and answer it as a problem."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        shared = scope.setdefault(_SHARED, {})
        held: Message | None = None
        body = bytearray()
        started = False

        async def watch(message: Message) -> None:
            nonlocal held, started
            if message["type"] == "http.response.start" and message["status"] >= 400:
                held = message
            elif held is None:
                started = started or message["type"] == "http.response.start"
                await send(message)
            else:
                body.extend(message.get("body", b""))

        try:
            await self.app(scope, receive, watch)
        except Exception:
            logger.exception("a request failed")  # which one, its own line says; its address may be anything
            held = {"status": 500, "headers": []}
        if started:
            return
        if held is None:  # nothing was answered at all
            held = {"status": 500, "headers": []}
        details = _translate(held["status"], bytes(body), shared.get("body", b""))
        await respond(send, details, headers=held["headers"])


def problem(
    status: int, *, code: str | None = None, detail: str | None = None, errors: list[responses.FieldError] | None = None
) -> responses.Problem:
    """Return the problem of an HTTP status, with its stable code; what it says is what the documentation says of it."""
    usual, meaning = CODES[status if status in CODES else 400 if status < 500 else 500]
    code = code or usual
    return responses.Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail or SPECIAL.get((code, status), meaning),
        errors=errors,
    )


async def respond(send: Send, details: responses.Problem, *, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a problem as the whole answer, keeping other headers such as Allow."""
    request = REQUEST.get()
    if request is not None:
        details = details.model_copy(update={"request_id": request.id})
    body = details.model_dump_json().encode()
    kept = [(name, value) for name, value in headers if name.lower() not in {b"content-type", b"content-length"}]
    if details.status in {429, 503} and not any(name.lower() == b"retry-after" for name, _ in kept):
        kept.append((b"retry-after", b"1"))
    kept += [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": details.status, "headers": kept})
    await send({"type": "http.response.body", "body": body})


def own_failure(record: logging.LogRecord) -> bool:
    """Say whether a logged failure is the service's own, for use as a filter.

    BentoML logs a trace of each request that a caller got wrong, too; the caller has been told.
    """
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ not in {"ValidationError", "InvalidArgument"}


def _translate(status: int, answer: bytes, request: bytes) -> responses.Problem:
    """Return the problem that BentoML's or Starlette's own error answer stands for."""
    try:
        content = json.loads(answer)
    except ValueError:
        content = None
    if isinstance(content, dict) and content.keys() >= responses.Problem.model_fields.keys() - {"errors", "request_id"}:
        return responses.Problem.model_validate(content)
    if status == 400 and isinstance(content, dict) and isinstance(content.get("detail"), list):
        if any(error["type"] == "json_invalid" for error in content["detail"]):
            return problem(400, code="invalid-json", detail=content["detail"][0]["msg"])
        return invalid(content["detail"], json.loads(request or b"{}"))
    # BentoML puts the message of an exception with a status of its own into a list of one.
    if status == 400 and isinstance(content, list) and content and isinstance(content[0], dict):
        return problem(status, detail=str(content[0].get("error", "")))
    return problem(status)


def invalid(found: Sequence[Any], sent: Any) -> responses.Problem:
    """Return the problem of a body or a query that pydantic refused, naming each place and the value received there.

    Parameters
    ----------
    found : pydantic's errors
    sent : what was refused
    """
    errors = [_field_error(error, sent) for error in found]
    code = "unknown-field" if all(error.code == "unknown-field" for error in errors) else "invalid-request"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return problem(400, code=code, detail=f"{errors[0].at or '/'}: {errors[0].message}{more}", errors=errors)


def _field_error(error: dict[str, Any], sent: Any) -> responses.FieldError:
    path = [part for part in error["loc"] if part != "[key]"]
    at = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    if error["type"] == "extra_forbidden":
        message = f"Unknown field {path[-1]!r}.{nearest(str(path[-1]), _FIELDS)}"
        return responses.FieldError(at=at, code="unknown-field", message=message)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return responses.FieldError(at=at, code="missing", message=f"Field {path[-1]!r} is required.")
    received = sent
    try:
        for part in path:
            received = received[part]
    except (LookupError, TypeError):
        return responses.FieldError(at=at, code=error["type"].replace("_", "-"), message=message)
    shown = json.dumps(received)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    choices = re.findall(r"'([^']*)'", message) if error["type"] == "literal_error" else []
    message = f"{message}; received {shown}.{nearest(str(received), choices)}"
    return responses.FieldError(at=at, code=error["type"].replace("_", "-"), message=message)
