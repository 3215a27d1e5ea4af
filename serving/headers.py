"""Security headers of every answer, as an ASGI layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.static import CONSOLE

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from serving.middleware import App, Message, Receive, Send

_ALL = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
# Pages load what lies beside them and nothing else; Swagger's own style sheet is partly inline.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_PAGE = (b"content-security-policy", _POLICY.encode())
_CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CONSOLE_PAGE = (b"content-security-policy", _CONSOLE_POLICY.encode())
_ANSWER = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NEVER_KEPT = (b"cache-control", b"no-store")
# The style sheet and scripts of the documentation: the same for everybody.
_KEPT = "/static_content/"


class SecurityHeaders:
    """Say with every answer that browsers are to guess nothing, frame nothing, and keep no prediction."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass everything on, with the headers added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        kept, console = path.startswith(_KEPT), path.startswith(f"{CONSOLE}/")

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                page, keeps = False, kept
                for name, value in given:
                    page |= name == b"content-type" and value.startswith(b"text/html")
                    # What says itself how long it may be kept holds no prediction.
                    keeps |= name == b"cache-control"
                # A file that is still the same comes without a type, and brings the policy of the page anew.
                policy = _CONSOLE_PAGE if console else _PAGE if page else _ANSWER
                more = (policy, *(() if keeps else (_NEVER_KEPT,)))
                message = {**message, "headers": [*given, *_ALL, *more]}
            await send(message)

        await self.app(scope, receive, secured)
