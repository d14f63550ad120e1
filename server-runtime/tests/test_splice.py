"""The signalling proxy between real sockets: close codes, subprotocols, back-pressure, an absent upstream."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from starlette.applications import Starlette

from xr_media_hub.web import Clients, serve_web

pytestmark = pytest.mark.anyio

Handler = Callable[[web.Request], "asyncio.Future[web.StreamResponse]"]


@asynccontextmanager
async def proxied(handler: object) -> AsyncIterator[str]:
    """An upstream server with ``handler`` on every path, behind the hub's web server; yields the public address."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        async with web_server(port) as public:
            yield public
    finally:
        await runner.cleanup()


@asynccontextmanager
async def web_server(upstream_port: int) -> AsyncIterator[str]:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    port = sock.getsockname()[1]
    started = asyncio.Event()
    running = asyncio.create_task(
        serve_web(Starlette(), sock, f"ws://127.0.0.1:{upstream_port}", Clients(()), None, started.set)
    )
    await started.wait()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


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
        assert await asyncio.wait_for(heard.get(), 5) == 4002


async def test_messages_pass_whole_in_both_directions_empty_ones_too() -> None:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        async for message in ws:
            await (ws.send_str(message.data) if message.type is WSMsgType.TEXT else ws.send_bytes(message.data))
        return ws

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


async def test_the_upstream_sees_the_clients_credentials_and_our_word_on_its_address() -> None:
    seen: dict[str, str] = {}

    async def upstream(request: web.Request) -> web.Response:
        seen.update(request.headers, path=request.path_qs)
        return web.Response(status=401, text="no")

    async with proxied(upstream) as public, aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer abc", "X-Forwarded-For": "6.6.6.6", "X-Custom": "kept"}
        async with session.get(f"{public}/rtc/v1/validate?a=%20b", headers=headers) as reply:
            assert (reply.status, await reply.text()) == (401, "no")

    assert seen["Authorization"] == "Bearer abc"
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Custom"] == "kept"
    assert seen["path"] == "/rtc/v1/validate?a=%20b"


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
        port = int(public.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(
            b"GET /rtc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        before = -1
        while sent != before:  # the sender stands still once every buffer on the way is full
            before = sent
            await asyncio.sleep(0.3)
        assert sent < 50_000_000, "nothing held the sender back"
        total = 0
        while total < before:
            total += len(await asyncio.wait_for(reader.read(1 << 20), 5))
        assert sent > before, "the sender was not let go again"
        writer.close()


async def test_an_absent_upstream_is_a_502_not_an_open_door() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with web_server(port) as public, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{public}/rtc")
        assert refused.value.status == 502
        async with session.get(f"{public}/rtc/validate") as reply:
            assert (reply.status, await reply.json()) == (502, {"error": "the media server is not reachable"})
