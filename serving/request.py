"""What is known of the request that is being answered, in its task and in the threads that work for it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Request:
    """The id of a request, and the id of the key that came with it; never the key."""

    id: str
    key: str | None = None


REQUEST: ContextVar[Request | None] = ContextVar("request", default=None)
