"""Connections that may not dawdle: uvicorn's protocol with a time-out for what comes in and what goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import Transport

HEAD_SECONDS = 10.0
"""What a caller may take to send the head of a request, and to take in any part of an answer."""
MAX_HEAD = 64 * 1024
"""Bytes of a request line and headers."""


class Connection(HttpToolsProtocol):
    """A connection that is cut off where a request's head does not arrive or is too long, or nobody reads the answer.

    uvicorn itself ends connections that are silent after an answer, and waits without end for the rest. The body of a
    request has a time-out of its own in `serving.middleware.RequestLimits`.
    """

    _timer: Any = None
    _unread = 0
    _head: int | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Measure the head."""
        self._head = 0
        super().on_message_begin()

    def data_received(self, data: bytes) -> None:
        """Take in some bytes; a head that is too long is answered 400."""
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Leave the time to whoever answers."""
        self._head = None
        self._stop()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait until the answer is read and the next request is there."""
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        self._stop()
        self._unread = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)

    def _look(self) -> None:
        unread = self.transport.get_write_buffer_size()
        working = self.cycle is not None and not self.cycle.response_complete
        if working or (unread and (unread < self._unread or not self._unread)):
            self._unread = unread
            self._timer = self.loop.call_later(HEAD_SECONDS, self._look)
        else:
            self.transport.abort()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
