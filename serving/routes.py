"""Which addresses the service has, what they are called in logs, and which scopes of a key they ask for."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from serving import openapi, static
from serving.keys import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping

    from serving.keys import Scope
    from serving.middleware import App, Receive, Send

_ADDRESS = "impel.address"

_FILE = f"{static.CONSOLE}/{{file}}"
# What is asked before a caller can have a key: whether the service lives, and how it is to be asked.
_OPEN = {
    "/",
    "/docs.json",
    "/schema.json",
    "/livez",
    "/readyz",
    "/healthz",
    "/static_content/swagger-ui.css",
    "/static_content/swagger-ui-bundle.js",
    "/static_content/swagger-ui-standalone-preset.js",
    "/static_content/swagger-initializer.js",
    static.CONSOLE,
    _FILE,
}
_SCOPES: dict[str, tuple[Scope, ...]] = {
    "/v1/outcomes": ("outcomes",),
    "/metrics": ("admin",),
    "/v1/model": SCOPES,
}


def template(path: str) -> str | None:
    """Return the route that an address belongs to, such as /v1/accounts/{account_id}; None where there is none."""
    exact, patterns = _routes()
    if path in exact:
        return path
    if path in static.files():
        return _FILE
    return next((route for route, pattern in patterns.items() if pattern.fullmatch(path)), None)


class Addressed:
    """The layer next to the application: it sees the address that was asked, where `named` has put its route."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if _ADDRESS in scope:
            scope = {**scope, "path": scope[_ADDRESS]}
        await self.app(scope, receive, send)


def named(scope: MutableMapping[str, Any], route: str) -> MutableMapping[str, Any]:
    """Return a request under the name of its route: BentoML keeps counters for every address that it ever saw."""
    return scope if scope["path"] == route else {**scope, "path": route, _ADDRESS: scope["path"]}


def scopes(route: str) -> Collection[Scope]:
    """Return the scopes of which a key must have one to use a route; none where no key is needed."""
    return () if route in _OPEN else _SCOPES.get(route, ("predict",))


@cache
def _routes() -> tuple[frozenset[str], dict[str, re.Pattern[str]]]:
    documented = openapi.document()["paths"]
    exact = frozenset({*_OPEN, *(route for route in documented if "{" not in route)})
    return exact, {
        # An id may hold slashes, as the ids of a source may.
        route: re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(route)))
        for route in documented
        if "{" in route
    }
