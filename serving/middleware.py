"""Two ASGI layers: one bounds what comes in, the other gives every error one shape (RFC 9457 problem details)."""

from __future__ import annotations

import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from features.errors import nearest
from serving import schemas

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

MAX_BODY = 2 * 1024 * 1024

CODES = {
    400: ("invalid-request", "The request cannot be read."),
    404: ("not-found", "There is nothing at this address; /docs.json lists what there is."),
    405: ("method-not-allowed", "This address does not know this method; the header Allow names those it does."),
    413: ("too-large", f"The body is larger than {MAX_BODY} bytes; send fewer candidates at a time."),
    415: ("unsupported-media-type", "The body must be JSON: send Content-Type: application/json."),
    422: ("invalid-request", "The request cannot be answered."),
    429: ("overloaded", "Too many requests at once; try again in a moment."),
    500: ("internal", "Something went wrong inside; the service's log says what."),
    503: ("overloaded", "The service cannot answer now; try again in a moment."),
    504: ("timeout", "The answer took too long; ask for fewer accounts at a time."),
}
"""Status -> stable code and what to do."""
SPECIAL = {
    ("invalid-json", 400): "The body is no JSON.",
    ("unknown-field", 400): "The body has fields that do not exist, and no other fault.",
    ("unknown-account", 404): "The data do not know this account.",
}
"""Code and status -> meaning, where a status has more than one code."""

# Where the inner layer leaves the body for the outer one, which quotes what was wrong in it.
_SHARED = "impel.request"
_FIELDS = {
    name
    for model in (schemas.PredictRequest, schemas.RankRequest, schemas.Brief, schemas.Candidate, schemas.Filters)
    for name in model.model_fields
}


class RequestLimits:
    """Refuse bodies that are too large or not JSON before anything reads them.

    BentoML would take any content type for JSON, fetch addresses out of forms, and read bodies of any size.
    """

    def __init__(self, app: App, *, max_body: int = MAX_BODY) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Read the body up to the limit and hand it on, or answer 413 or 415."""
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if media_type != b"application/json":
            await respond(send, problem(415))
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.max_body:
                await respond(send, problem(413))
                return
        scope.get(_SHARED, {})["body"] = bytes(body)
        waiting = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)


class ProblemDetails:
    """Give every answer of status 400 and above the shape of `schemas.Problem`, and never raise.

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
            logger.exception("%s %s failed", scope["method"], scope["path"])
            held = {"status": 500, "headers": []}
        if started:
            return
        if held is None:  # nothing was answered at all
            held = {"status": 500, "headers": []}
        details = _translate(held["status"], bytes(body), shared.get("body", b""))
        await respond(send, details, headers=held["headers"])


def problem(
    status: int, *, code: str | None = None, detail: str | None = None, errors: list[schemas.FieldError] | None = None
) -> schemas.Problem:
    """Return the problem of an HTTP status, with its stable code."""
    known = status if status in CODES else 400 if status < 500 else 500
    return schemas.Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code or CODES[known][0],
        detail=detail or CODES[known][1],
        errors=errors,
    )


async def respond(send: Send, details: schemas.Problem, *, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a problem as the whole answer, keeping other headers such as Allow."""
    body = details.model_dump_json().encode()
    kept = [(name, value) for name, value in headers if name.lower() not in {b"content-type", b"content-length"}]
    if details.status in {429, 503}:
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


def _translate(status: int, answer: bytes, request: bytes) -> schemas.Problem:
    """Return the problem that BentoML's or Starlette's own error answer stands for."""
    try:
        content = json.loads(answer)
    except ValueError:
        content = None
    if isinstance(content, dict) and content.keys() >= schemas.Problem.model_fields.keys() - {"errors"}:
        return schemas.Problem.model_validate(content)
    if status == 400 and isinstance(content, dict) and isinstance(content.get("detail"), list):
        return _invalid(content["detail"], request)
    # BentoML puts the message of an exception with a status of its own into a list of one.
    if status in {400, 422} and isinstance(content, list) and content and isinstance(content[0], dict):
        return problem(status, detail=str(content[0].get("error", "")))
    return problem(status)


def _invalid(found: list[dict[str, Any]], request: bytes) -> schemas.Problem:
    """Return the problem of a body that pydantic refused, naming each place and the value received there."""
    if any(error["type"] == "json_invalid" for error in found):
        return problem(400, code="invalid-json", detail=found[0]["msg"])
    sent = json.loads(request or b"{}")
    errors = [_field_error(error, sent) for error in found]
    code = "unknown-field" if all(error.code == "unknown-field" for error in errors) else "invalid-request"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return problem(400, code=code, detail=f"{errors[0].at or '/'}: {errors[0].message}{more}", errors=errors)


def _field_error(error: dict[str, Any], sent: Any) -> schemas.FieldError:
    path = [part for part in error["loc"] if part != "[key]"]
    at = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    if error["type"] == "extra_forbidden":
        message = f"Unknown field {path[-1]!r}.{nearest(str(path[-1]), _FIELDS)}"
        return schemas.FieldError(at=at, code="unknown-field", message=message)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return schemas.FieldError(at=at, code="missing", message=f"Field {path[-1]!r} is required.")
    received = sent
    try:
        for part in path:
            received = received[part]
    except (LookupError, TypeError):
        return schemas.FieldError(at=at, code=error["type"].replace("_", "-"), message=message)
    shown = json.dumps(received)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    choices = re.findall(r"'([^']*)'", message) if error["type"] == "literal_error" else []
    message = f"{message}; received {shown}.{nearest(str(received), choices)}"
    return schemas.FieldError(at=at, code=error["type"].replace("_", "-"), message=message)
