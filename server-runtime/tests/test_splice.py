"""The signalling proxy between real sockets: close codes, back-pressure, TLS, and peers that dawdle or are absent."""

import asyncio
import ipaddress
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from kit.proxies import AUTHORITY, authority_contexts
from kit.web import serving

from xr_media_hub.web import Clients, _protocol

pytestmark = pytest.mark.anyio

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
UPGRADE = (
    b"GET /rtc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def livekit(handler: object, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server with ``handler`` on every path; yields its port."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def proxied(handler: object) -> AsyncIterator[str]:
    """The same behind the hub's web server; yields the public address."""
    async with livekit(handler) as port, serving(livekit_url=f"ws://127.0.0.1:{port}") as public:
        yield public


@asynccontextmanager
async def proxied_bytes(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[str]:
    """A server that is given the connection once it has taken the upgrade, behind the hub's web server."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1024)
    port = server.sockets[0].getsockname()[1]
    try:
        async with serving(livekit_url=f"ws://127.0.0.1:{port}") as public:
            yield public
    finally:
        server.close()


async def upgraded(public: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client's connection after the upgrade."""
    reader, writer = await connection(public)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def connection(public: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(public.rpartition(":")[2]), limit=1024)


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(max_msg_size=0)
    await ws.prepare(request)
    async for message in ws:
        await (ws.send_str(message.data) if message.type is WSMsgType.TEXT else ws.send_bytes(message.data))
    return ws


async def test_close_codes_reach_both_ends() -> None:
    heard: asyncio.Queue[int | None] = asyncio.Queue()

    async def upstream(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=["livekit"])
        await ws.prepare(request)
        message = await ws.receive()
        if message.type is WSMsgType.TEXT:
            await ws.close(code=4001, message=b"moved")
        heard.put_nowait(ws.close_code)
        return ws

    async with proxied(upstream) as public, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{public}/rtc", protocols=["livekit"]) as ws:
            assert ws.protocol == "livekit"
            await ws.send_str("please leave")
            message = await ws.receive()
            assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "moved")
        await heard.get()
        ws = await session.ws_connect(f"{public}/rtc/v1")
        await ws.close(code=4002)
        assert await asyncio.wait_for(heard.get(), 30) == 4002


async def test_messages_pass_whole_in_both_directions_empty_ones_too() -> None:
    async with (
        proxied(echo) as public,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{public}/rtc", max_msg_size=0) as ws,
    ):
        for message in (b"", b"\x00" * 5_000_000, b"end"):
            await ws.send_bytes(message)
            assert (await ws.receive()).data == message
        await ws.send_str("ü")
        assert (await ws.receive()).data == "ü"


@pytest.mark.parametrize(("trusted", "address"), [((), "127.0.0.1"), (LOOPBACK, "6.6.6.6")], ids=["direct", "proxy"])
async def test_the_upstream_sees_the_clients_credentials_and_our_word_on_its_address(
    trusted: Any, address: str
) -> None:
    seen: dict[str, str] = {}

    async def upstream(request: web.Request) -> web.Response:
        seen.update(request.headers, path=request.path_qs)
        return web.Response(status=401, text="no")

    claims = dict.fromkeys(
        ("CF-Connecting-IP", "CF-Connecting-IPv6", "X-Real-IP", "True-Client-IP", "Forwarded"), "9.9.9.9"
    )
    headers = claims | {"Authorization": "Bearer abc", "X-Forwarded-For": "6.6.6.6", "X-Custom": "kept"}
    async with (
        livekit(upstream) as port,
        serving(livekit_url=f"ws://127.0.0.1:{port}", clients=Clients(trusted)) as public,
        aiohttp.ClientSession() as session,
        session.get(f"{public}/rtc/v1/validate?a=%20b", headers=headers) as reply,
    ):
        assert (reply.status, await reply.text()) == (401, "no")

    assert seen["Authorization"] == "Bearer abc"
    assert seen["X-Forwarded-For"] == address
    assert not claims.keys() & seen.keys(), "LiveKit would believe what the client says of itself"
    assert seen["X-Custom"] == "kept"
    assert seen["Host"] == f"127.0.0.1:{port}"
    assert seen["path"] == "/rtc/v1/validate?a=%20b"


async def test_an_upstream_behind_tls_is_asked_for_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    asked: list[tuple[str, str]] = []
    names: list[str | None] = []

    async def upstream(request: web.Request) -> web.WebSocketResponse:
        asked.append((request.host, request.path))
        return await echo(request)

    _, tls = authority_contexts()
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    async with livekit(upstream, tls) as port:
        async with (
            serving(livekit_url=f"wss://localhost:{port}/media/") as public,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{public}/rtc/v1") as ws,
        ):
            await ws.send_bytes(b"x" * 100_000)
            assert (await ws.receive()).data == b"x" * 100_000
        assert (asked, names) == ([(f"localhost:{port}", "/media/rtc/v1")], ["localhost"])
        async with (
            serving(livekit_url=f"wss://127.0.0.1:{port}") as public,
            aiohttp.ClientSession() as session,
            session.get(f"{public}/rtc/validate") as reply,
        ):
            assert reply.status == 502, "a certificate of another name was believed"
    assert len(asked) == 1


async def test_a_slow_reader_slows_the_sender_instead_of_filling_memory() -> None:
    sent = 0

    async def firehose(request: web.Request) -> web.WebSocketResponse:
        nonlocal sent
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        with suppress(ConnectionError):
            for _ in range(2_000):
                await ws.send_bytes(bytes(100_000))
                sent += 100_000
        return ws

    async with proxied(firehose) as public:
        reader, writer = await upgraded(public)
        stopped_at = await _standstill(lambda: sent)
        assert stopped_at < 50_000_000, "nothing held the sender back"
        total = 0
        while total < stopped_at:
            total += len(await asyncio.wait_for(reader.read(1 << 20), 30))
        assert sent > stopped_at, "the sender was not let go again"
        writer.close()


async def test_a_slow_upstream_slows_the_client_instead_of_filling_memory() -> None:
    sent = read = 0
    goes_on, arrived = asyncio.Event(), asyncio.Event()

    async def dawdle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal read
        await goes_on.wait()
        while data := await reader.read(1 << 20):
            read += len(data)
        arrived.set()

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(2_000):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    async with proxied_bytes(dawdle) as public:
        _, writer = await upgraded(public)
        flooding = asyncio.create_task(flood(writer))
        stopped_at = await _standstill(lambda: sent)
        assert stopped_at < 50_000_000, "nothing held the client back"
        goes_on.set()
        async with asyncio.timeout(30):
            await flooding
            writer.close()
            await arrived.wait()
        assert read == 200_000_000


async def _standstill(count: Callable[[], int]) -> int:
    """Wait until a count stands still, as a sender does once every buffer on the way is full; returns it."""
    before = -1
    while (now := count()) != before:
        before = now
        await asyncio.sleep(0.3)
    return before


async def test_who_hangs_up_ends_the_other_side_once_everything_has_arrived() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(-1))

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"y" * 1_000_000)
        writer.write_eof()
        await heard.get()

    async with asyncio.timeout(30):
        async with proxied_bytes(listen) as public:
            reader, writer = await upgraded(public)
            writer.write(b"x" * 1_000_000)
            writer.write_eof()
            assert await heard.get() == b"x" * 1_000_000
            assert await reader.read() == b"", "a half-open connection stayed"
        async with proxied_bytes(speak) as public:
            reader, writer = await upgraded(public)
            assert await reader.read(-1) == b"y" * 1_000_000
            heard.put_nowait(b"")


async def test_who_says_nothing_more_after_the_question_is_answered() -> None:
    async def upstream(_request: web.Request) -> web.Response:
        return web.Response(text="success")

    async with proxied(upstream) as public:
        reader, writer = await connection(public)
        writer.write(b"GET /rtc/validate HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write_eof()
        assert (await asyncio.wait_for(reader.read(-1), 30)).endswith(b"success")


HALVES = (
    b"GET ",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"GET /rtc HTTP/1.1\r\nHost: x\r\n",
    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
)


@pytest.mark.parametrize(("is_kept", "beginning"), [(False, b""), *itertools.product((False, True), HALVES)])
async def test_a_request_that_does_not_come_to_its_end_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, is_kept: bool, beginning: bytes
) -> None:
    monkeypatch.setattr(_protocol, "REQUEST_LIMIT_S", 0.3)
    async with (
        proxied(echo) as public,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{public}/rtc") as ws,
    ):
        await asyncio.gather(*(_is_cut_off(public, beginning, is_kept, byte) for byte in (b"", b"a")))
        await ws.send_str("still here")
        assert (await ws.receive()).data == "still here", "a connection that is in use was cut as well"


async def _is_cut_off(public: str, beginning: bytes, is_kept: bool, sign_of_life: bytes) -> None:
    reader, writer = await connection(public)
    if is_kept:
        writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readuntil(b"Not Found")
    writer.write(beginning)
    trickling = asyncio.create_task(_trickle(writer, sign_of_life if beginning else b""))
    with suppress(ConnectionError):
        while await asyncio.wait_for(reader.read(1024), 30):
            pass
    trickling.cancel()


async def _trickle(writer: asyncio.StreamWriter, byte: bytes) -> None:
    while True:
        writer.write(byte)
        await asyncio.sleep(0.05)


async def test_an_absent_upstream_is_a_502_not_an_open_door() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and nobody else can
        port = unused.getsockname()[1]
        async with serving(livekit_url=f"ws://127.0.0.1:{port}") as public, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{public}/rtc")
            assert refused.value.status == 502
            async with session.get(f"{public}/rtc/validate") as reply:
                assert (reply.status, await reply.json()) == (502, {"error": "the media server is not reachable"})
