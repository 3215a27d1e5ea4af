"""The ASGI layer that decides who is answered at all: API keys, their scopes, and how often each may ask."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.keys import Keys
from serving.middleware import problem, respond
from serving.rate import TokenBucket
from serving.request import REQUEST
from serving.routes import named, scopes, template
from serving.settings import number

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping

    from serving.middleware import App, Message, Receive, Send
    from serving.schemas.responses import Problem

RATE = 50.0
"""Requests a second that each key may send for long."""
BURST_SECONDS = 2
"""A key that was silent may send the requests of so many seconds at once."""


class Guard:
    """Answer 404, 401, 403 or 429 in place of the application where that is due.

    Addresses that do not exist are answered here: BentoML keeps a counter for each that it ever saw.

    Parameters
    ----------
    app : ASGI application
    keys : Keys or None
        Without keys everybody is answered on loopback, and nobody beyond.
    without_keys : bool
        Whether everybody is answered beyond loopback, too.
    rate : float
        Requests a second for each key.
    """

    def __init__(self, app: App, *, keys: Keys | None, without_keys: bool = False, rate: float = RATE) -> None:
        self.app = app
        self.keys = keys
        self.without_keys = without_keys
        self.rate = rate
        self._buckets: dict[str, TokenBucket] = {}

    @classmethod
    def from_environment(cls, app: App) -> Guard:
        """Return the guard that IMPEL_KEYS, IMPEL_WITHOUT_KEYS and IMPEL_RATE_LIMIT ask for.

        Raises
        ------
        SettingError
            Where one of them cannot be used.
        """
        file = os.environ.get("IMPEL_KEYS")
        return cls(
            app,
            keys=Keys(Path(file)) if file else None,
            without_keys=os.environ.get("IMPEL_WITHOUT_KEYS") == "true",
            rate=rate_limit(),
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        route = template(scope["path"])
        if route is None:
            await respond(send, problem(404))
            return
        needed, scope = scopes(route), named(scope, route)
        if not needed:
            await self.app(scope, receive, send)
        elif self.keys is None:
            if self.without_keys or _on_loopback(scope):
                await self.app(scope, receive, send)
            else:
                await respond(send, problem(403, code="keys-required"))
        else:
            await self._with_key(self.keys, needed, scope, receive, send)

    async def _with_key(
        self, keys: Keys, needed: Collection[str], scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        token = _token(scope)
        key = None if token is None else keys.find(token)
        request = REQUEST.get()
        if request is not None and key is not None:
            request.key = key.id
        if token is None:
            await _refuse(send, problem(401), "")
            return
        if key is None:
            await _refuse(send, problem(401, code="key-unknown"), ', error="invalid_token"')
            return
        if key.expired():
            await _refuse(send, problem(401, code="key-expired"), ', error="invalid_token"')
            return
        if not set(needed) & set(key.scopes):
            details = problem(403, code="scope-missing", detail=f"This API key lacks the scope {' or '.join(needed)}.")
            await _refuse(send, details, f', error="insufficient_scope", scope="{" ".join(needed)}"')
            return
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = self._buckets[key.id] = TokenBucket(rate=self.rate, size=max(1.0, self.rate * BURST_SECONDS))
        wait = bucket.take()
        told = [
            (b"ratelimit-limit", b"%d" % bucket.size),
            (b"ratelimit-remaining", b"%d" % bucket.tokens),
            (b"ratelimit-reset", b"%d" % math.ceil((bucket.size - bucket.tokens) / bucket.rate)),
        ]
        if wait:
            detail = f"This key may send {self.rate:g} requests a second; wait as long as Retry-After says."
            told.append((b"retry-after", b"%d" % math.ceil(wait)))
            await respond(send, problem(429, code="rate-limited", detail=detail), headers=told)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *told]}
            await send(message)

        await self.app(scope, receive, telling)


def rate_limit() -> float:
    """Return the requests a second of each key; SettingError where IMPEL_RATE_LIMIT is no such number."""
    return number("IMPEL_RATE_LIMIT", RATE, least=1e-3)


def _token(scope: MutableMapping[str, Any]) -> str | None:
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return None
    kind, _, token = given[0].decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


async def _refuse(send: Send, details: Problem, error: str) -> None:
    """Answer a problem with the challenge of RFC 6750."""
    await respond(send, details, headers=[(b"www-authenticate", f'Bearer realm="impel"{error}'.encode())])


def _on_loopback(scope: MutableMapping[str, Any]) -> bool:
    """Say whether a request came in on an address that only this machine can reach; a name or a file is one."""
    return on_loopback((scope.get("server") or ("",))[0])


@lru_cache(maxsize=64)
def on_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address to listen on."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return True
