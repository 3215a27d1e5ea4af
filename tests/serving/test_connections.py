"""Slow clients on real connections, with time-outs of a moment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from serving import connections
from serving.connections import MAX_HEAD, Connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"x" * (32 * 1024 * 1024)


async def app(scope: Any, _receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(connections.HEAD_SECONDS * 3)
    body = LARGE if scope["path"] == "/large" else b"fine"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def with_server(client: Callable[[int], Awaitable[None]]) -> None:
    async def run() -> None:
        config = uvicorn.Config(app, http=Connection, ws="none", log_config=None, lifespan="off")
        server = Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([listening]))
        await server.ready.wait()
        try:
            await asyncio.wait_for(client(listening.getsockname()[1]), 20)
        finally:
            server.should_exit = True
            await serving

    asyncio.run(run())


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


@pytest.fixture(autouse=True)
def _moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)


@pytest.mark.parametrize("before", [b"", b"\r\n", b"GET", REQUEST[:-2], REQUEST + b"POST / HTTP/1.1\r\nA: b\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(before: bytes) -> None:
    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(before)
        answer = await until_closed(reader)
        assert answer.count(b"HTTP/1.1 200") == before.count(REQUEST)
        writer.close()

    with_server(client)


def test_a_head_that_drips_is_cut_off() -> None:
    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST[:-2])
        closed = asyncio.create_task(until_closed(reader))
        while not closed.done():
            writer.write(b"a: b\r\n")
            await asyncio.sleep(0.02)
        assert await closed == b""
        writer.close()

    with_server(client)


def test_a_head_without_end_is_refused() -> None:
    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST[:-2] + b"a: " + b"b" * MAX_HEAD)
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 400")
        writer.close()

    with_server(client)


def test_work_in_hand_is_not_cut_off() -> None:
    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST.replace(b"/ ", b"/slow "))
        assert (await until_closed(reader)).endswith(b"fine")
        writer.write(b"")
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + REQUEST.replace(b"/ ", b"/slow "))
        assert (await until_closed(reader)).count(b"fine") == 2, "sent one after the other, without waiting"
        writer.close()

    with_server(client)


def test_who_does_not_read_is_cut_off_and_who_reads_slowly_is_not() -> None:
    async def client(port: int) -> None:
        unread, silent = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        silent.transport.pause_reading()  # type: ignore[attr-defined]
        silent.write(REQUEST.replace(b"/ ", b"/large "))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(REQUEST.replace(b"/ ", b"/large "))
        found = 0
        while found < len(LARGE):
            part = await reader.read(2**21)
            assert part, "cut off"
            found += len(part)
            await asyncio.sleep(0.01)
        await asyncio.sleep(connections.HEAD_SECONDS * 3)
        silent.transport.resume_reading()  # type: ignore[attr-defined]
        writer.close()
        assert len(await until_closed(unread)) < len(LARGE)
        silent.close()

    with_server(client)
