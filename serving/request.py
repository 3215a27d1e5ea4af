"""What is known of the request that is being answered, in its task and in the threads that work for it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from secrets import token_hex


@dataclass
class Request:
    """The id of a request, whether its caller gave it, and the id of the key that came with it; never the key."""

    id: str
    given: bool = False
    key: str | None = None

    def answer_id(self) -> str:
        """Return the id of its answer, which no other has: callers may give several requests the same."""
        return f"{self.id}-{token_hex(8)}" if self.given else self.id


REQUEST: ContextVar[Request | None] = ContextVar("request", default=None)
