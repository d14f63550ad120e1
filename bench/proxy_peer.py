"""One process of the proxy's figures: the server behind it, a bare splice beside it, or the client in front.

proxy_peer.py upstream PORT
proxy_peer.py splice PORT UPSTREAM_PORT CERT KEY
proxy_peer.py client            # answers a JSON line per command on stdin
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from typing import Any, cast

import uvloop
from child import serve
from hub_numbers import summary

_LOOPBACK = "127.0.0.1"
_MESSAGE = b"\x82\xfe" + b"m" * 298
"""300 bytes: like most of signalling. Nobody on the way reads it."""
_HEAD_END = b"\r\n\r\n"
_REQUEST = (
    b"GET /rtc/v1?access_token=" + b"t" * 900 + b" HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_EMPTY_LIST = b"HTTP/1.1 200 OK\r\nContent-Type: application/protobuf\r\nContent-Length: 0\r\n\r\n"
_IN_FLIGHT_BYTES = 262_144
_BULK = b"b" * _IN_FLIGHT_BYTES
_OPENING_AT_ONCE = 20


class _Upstream(asyncio.Protocol):
    """Stands where LiveKit's signalling is: says yes to the hub's questions, and echoes what clients send."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(data)
            return
        self._head += data
        if _HEAD_END not in self._head:
            return
        self._is_open = b"\r\nupgrade: websocket" in self._head.lower()
        self._head.clear()
        self._transport.write(_SWITCHING if self._is_open else _EMPTY_LIST)


class _BareSplice(asyncio.Protocol):
    """The least a proxy can do: connect when a client comes, copy both ways. No checks, no limits."""

    def __init__(self, upstream_port: int) -> None:
        self._port = upstream_port
        self._held = bytearray()
        self._other: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = cast(asyncio.Transport, transport)
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        back = _Back(self._client)
        transport, _ = await loop.create_connection(lambda: back, _LOOPBACK, self._port)
        self._other = transport
        transport.write(bytes(self._held))

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._held += data
        else:
            self._other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is not None:
            self._other.close()


class _Back(asyncio.Protocol):
    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()


class _Connection(asyncio.Protocol):
    """The client's side of one upgraded connection."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._is_open = False
        self._received = 0
        self._goal = 0
        self._reached: asyncio.Future[None] | None = None
        self.is_flooding = False
        """Whether what comes back is sent again."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        if not self._is_open:
            self._head += data
            if _HEAD_END not in self._head:
                return
            if not self._head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no upgrade: {bytes(self._head[:80])!r}")
            self._is_open, self._goal = True, 0
            self._done()
            return
        self._received += len(data)
        if self.is_flooding:
            self.transport.write(data)
        if self._received >= self._goal:
            self._done()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reached is not None and not self._reached.done():
            self._reached.set_exception(ConnectionResetError(str(exc)))

    async def opened(self) -> None:
        if not self._is_open:
            await self._wait()

    async def echo(self, messages: int) -> None:
        """Send so many messages at once, and return when all of them came back."""
        self._goal = self._received + messages * len(_MESSAGE)
        self.transport.write(_MESSAGE * messages)
        await self._wait()

    async def flood(self, seconds: float) -> float:
        """Keep 256 KiB on the way; return how many MB per second came back."""
        started, before = time.perf_counter(), self._received
        self._goal, self.is_flooding = sys.maxsize, True
        self.transport.write(_BULK)
        await asyncio.sleep(seconds)
        self.is_flooding = False
        return (self._received - before) / 1e6 / (time.perf_counter() - started)

    async def _wait(self) -> None:
        self._reached = asyncio.get_running_loop().create_future()
        await self._reached

    def _done(self) -> None:
        if self._reached is not None and not self._reached.done():
            self._reached.set_result(None)


class _Client:
    """Every public method is a command."""

    def __init__(self) -> None:
        self._open: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    async def pingpong(self, port: int, tls: bool, n: int) -> dict[str, Any]:
        """Send a message and wait for it, again and again on one connection; returns µs."""
        connection = await self._connection(port, tls)
        took = []
        for _ in range(n):
            started = time.perf_counter()
            await connection.echo(1)
            took.append(1e6 * (time.perf_counter() - started))
        return summary(took)

    async def flood(self, port: int, tls: bool, secs: float) -> float:
        """Return MB per second of one connection."""
        found = await self._new(port, tls)
        rate = await found.flood(secs)
        found.transport.abort()
        return rate

    async def idle(self, port: int, tls: bool, n: int) -> float:
        """Open so many connections, send a message on each, keep them; returns connections per second."""
        started = time.perf_counter()
        turns = asyncio.Semaphore(_OPENING_AT_ONCE)

        async def one() -> None:
            async with turns:
                connection = await self._new(port, tls)
                await connection.echo(1)
                self._idle.append(connection)

        await asyncio.gather(*(one() for _ in range(n)))
        return n / (time.perf_counter() - started)

    async def end_idle(self) -> None:
        """Hang up all of those."""
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()

    async def _connection(self, port: int, tls: bool) -> _Connection:
        if port not in self._open:
            self._open[port] = await self._new(port, tls)
        return self._open[port]

    async def _new(self, port: int, tls: bool) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, _LOOPBACK, port, ssl=self._tls if tls else None)
        await connection.opened()
        return connection


async def _serve_client() -> None:
    await serve(_Client())


async def _serve_forever(factory: Any, port: int, context: ssl.SSLContext | None = None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, _LOOPBACK, port, ssl=context, backlog=1024)
    await server.serve_forever()


def _main(role: str, *arguments: str) -> None:
    if role == "upstream":
        uvloop.run(_serve_forever(_Upstream, int(arguments[0])))
    elif role == "splice":
        port, upstream, certificate, key = arguments
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        uvloop.run(_serve_forever(lambda: _BareSplice(int(upstream)), int(port), context))
    else:
        uvloop.run(_serve_client())


if __name__ == "__main__":
    _main(*sys.argv[1:])
