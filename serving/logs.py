"""Logs as JSON, one line each on stderr, and the outermost ASGI layer: it names every request and writes its line."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from serving.metrics import metrics
from serving.request import REQUEST, Request
from serving.routes import template

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from serving.middleware import App, Message, Receive, Send

logger = logging.getLogger(__name__)

# json.dumps would make one for each line.
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_SANE = re.compile(rb"[A-Za-z0-9._:=+/-]{1,100}")
# Asked every few seconds by machines; a line for each would bury the others.
_QUIET = {"/livez", "/readyz", "/healthz", "/metrics"}


class RequestLog:
    """Give every request an id, and write one line when it is answered.

    The caller's own X-Request-Id is taken where it is short and plain. Addresses are written as the routes they belong
    to, so that no caller puts a text of its own into the log.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass everything on, with X-Request-Id in the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"x-request-id"]
        sane = len(given) == 1 and _SANE.fullmatch(given[0]) is not None
        request = Request(given[0].decode() if sane else token_hex(16), given=sane)
        before = REQUEST.set(request)
        start = time.perf_counter()
        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request.id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self.app(scope, receive, named)
        finally:
            route = template(scope["path"])
            _counted(route or "other", status).inc()
            if logger.isEnabledFor(logging.INFO) and (route not in _QUIET or status >= 400):
                fields = {
                    "method": scope["method"] if scope["method"].isalpha() else "other",
                    "route": route or "other",
                    "status": status,
                    "milliseconds": round((time.perf_counter() - start) * 1000, 3),
                    "key": request.key,
                }
                # By hand: to look for the line of code that logs takes longer than all the rest.
                record = logging.LogRecord(__name__, logging.INFO, "", 0, "answered", None, None)
                vars(record)["fields"] = fields
                logger.handle(record)
            REQUEST.reset(before)


@lru_cache(maxsize=1024)
def _counted(route: str, status: int) -> Any:
    """Return the counter of the answers of a route with a status; to look for it takes longer than to count."""
    return metrics().answers.labels(route, str(status))


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, request_id, the record's `fields`, and its trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        request = REQUEST.get()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **({} if request is None else {"request_id": request.id}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line)


class _Stderr(logging.Handler):
    """Writes to what is stderr now, not to what it was when logging was set up."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - a log that cannot be written must not fail what it tells of
            self.handleError(record)


def configure() -> None:
    """Write logs to stderr as JSON: those of the service from info on, of libraries from warning on."""
    root = logging.getLogger()
    if not any(isinstance(handler, _Stderr) for handler in root.handlers):
        handler = _Stderr()
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
    logging.getLogger("serving").setLevel(logging.INFO)
