"""The public port: tokens, URLs, static files, the certificate, and what the signalling proxy refuses."""

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from kit.agents import running_agent
from kit.hub import get_json
from kit.participants import Client
from kit.processes import WAIT_LIMIT_S
from kit.proxies import unverified_tls
from kit.sdk import talk_over_tls

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Host": "hub.local:9443"}, "ws://hub.local:9443"),
        ({"Host": "hub.local"}, "ws://hub.local"),
        ({"Host": "[::1]:8080"}, "ws://[::1]:8080"),
        ({"Host": "[fd00::2]"}, "ws://[fd00::2]"),
        ({"Host": "x", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "demo.example.org"}, "wss://demo.example.org"),
        ({"Host": "inner:1", "X-Forwarded-Proto": "https, http"}, "wss://inner:1"),
    ],
)
async def test_the_url_is_the_one_the_client_used(hub: Any, headers: dict[str, str], url: str) -> None:
    status, body = await get_json(f"{hub.url}/token", params={"identity": "url-asker"}, headers=headers)

    assert (status, body["url"]) == (200, url)
    assert body["identity"].startswith("url-asker")


@pytest.mark.parametrize("host", ["a b", "evil.example/path", "user@host", "[::1", "host:port"])
async def test_a_host_that_is_none_gets_no_url(hub: Any, host: str) -> None:
    status, body = await get_json(f"{hub.url}/token", headers={"Host": host})

    assert status == 400
    assert "not a host name" in body["error"]


async def test_no_identity_gets_a_fresh_one(hub: Any) -> None:
    _, first = await get_json(f"{hub.url}/token")
    _, second = await get_json(f"{hub.url}/token", params={"identity": ""})

    assert first["identity"] != second["identity"]
    assert first["identity"].startswith("guest-")


async def test_the_client_is_served_as_browsers_need_it(hub: Any) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{hub.url}/") as reply:
            assert reply.status == 200
            assert reply.content_type == "text/html"
            assert reply.headers["Cache-Control"] == "no-cache"
        async with session.get(f"{hub.url}/app.mjs") as reply:
            assert reply.content_type == "text/javascript"
            assert reply.headers["Cache-Control"] == "no-cache"
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(f"{hub.url}/scene.wasm") as reply:
            assert reply.content_type == "application/wasm"
        async with session.get(f"{hub.url}/big.bin") as reply:
            assert len(await reply.read()) == 256 * 8192
        for path in ("/missing.js", "/../xr_media_hub.yaml", "/%2e%2e/xr_media_hub.yaml"):
            async with session.get(f"{hub.url}{path}") as reply:
                assert reply.status == 404
        async with session.get(f"{hub.url}/cert") as reply:
            assert reply.status == 404
            assert "does not terminate TLS" in (await reply.json())["error"]


async def test_validate_answers_are_livekits_own(hub: Any) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "validator"})
    async with aiohttp.ClientSession() as session:
        for path in ("/rtc/validate", "/rtc/v1/validate"):
            async with session.get(f"{hub.url}{path}", params={"access_token": "forged"}) as reply:
                assert reply.status == 401
        async with session.get(f"{hub.url}/rtc/validate", params={"access_token": admission["token"]}) as reply:
            assert (reply.status, await reply.text()) == (200, "success")
        async with session.get(f"{hub.url}/rtc/validate") as reply:
            assert reply.status == 401
        # The same connection pool goes on with ordinary requests.
        async with session.get(f"{hub.url}/health") as reply:
            assert reply.status == 200


async def test_a_kept_connection_may_turn_to_signalling_and_half_a_request_harms_nobody(hub: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.web_port)
    for piece in (b"GET /hea", b"lth HTTP/1.1\r\nHo", b"st: x\r\n", b"\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    assert json.loads(await reader.readexactly(length))["status"] == "ok"
    for piece in (b"GET /rt", b"c/validate?access_token=x HTTP/1.1\r\nHost: x\r\n", b"\r\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 401")
    await asyncio.wait_for(reader.read(), WAIT_LIMIT_S)
    writer.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /rtc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET /rtc HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", b"400"),
        (b"GET /rtc HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"400"),
        (b"GET /rtc HTTP/1.1\r\nHost : x\r\n\r\n", b"400"),
        (b"GET /rtc HTTP/1.1\r\nHost: x\r\n\r\nGET /twirp/x HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /rtc HTTP/1.0\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /rtc HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40_000 + b"\r\n", b"431"),
    ],
)
async def test_requests_two_readers_could_understand_differently_are_refused(
    hub: Any, request_bytes: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.web_port)
    writer.write(request_bytes)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), WAIT_LIMIT_S)
    writer.close()

    assert answer.split(b" ")[1] == status


async def test_tls_with_the_hubs_own_authority(tls_hub: Any, tmp_path: Path) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{tls_hub.url}/cert", ssl=unverified_tls()) as reply,
    ):
        assert reply.content_type == "application/x-x509-ca-cert"
        assert "xr-ai-hub.crt" in reply.headers["Content-Disposition"]
        pem = await reply.text()
    authority = tmp_path / "ca.pem"
    authority.write_text(pem)
    trusting = ssl.create_default_context(cafile=str(authority))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{tls_hub.url}/token", params={"identity": "a"}, ssl=trusting) as reply:
            assert reply.status == 403
            assert "join code" in (await reply.json())["error"]
        wrong = {"identity": "a", "code": "sesam"}
        async with session.get(f"{tls_hub.url}/token", params=wrong, ssl=trusting) as reply:
            assert reply.status == 403
        right = {"identity": "a", "code": "sesame"}
        async with session.get(f"{tls_hub.url}/token", params=right, ssl=trusting) as reply:
            body = await reply.json()
    assert body["url"] == f"wss://127.0.0.1:{tls_hub.web_port}"
    async with running_agent(tls_hub) as agent:
        await talk_over_tls(authority, body, agent)


async def test_a_certificate_of_ones_own_is_replaced_under_way_and_its_key_kept(
    make_hub: Callable[..., Any], tmp_path: Path
) -> None:
    combined = tmp_path / "combined.pem"

    def renew() -> ssl.SSLContext:
        """Write a certificate of a new authority, which the context trusts."""
        authority, trusting = trustme.CA(), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "new")
        (tmp_path / "new").replace(combined)
        authority.configure_trust(trusting)
        return trusting

    trusting = renew()
    hub = make_hub(web_server_tls=True, cert_file=str(combined), key_file=str(combined)).start()
    await asyncio.to_thread(hub.wait_ready)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{hub.url}/cert", ssl=trusting) as reply:
            served = await reply.text()
        assert "BEGIN CERTIFICATE" in served
        assert "PRIVATE KEY" not in served
    trusting = renew()
    await eventually(lambda: "the web server has a new certificate" in hub.output)
    async with aiohttp.ClientSession() as session, session.get(f"{hub.url}/cert", ssl=trusting) as reply:
        assert reply.status == 200
        assert await reply.text() != served
    await asyncio.to_thread(hub.stop)


async def test_a_full_hub_says_so_and_a_leaver_makes_room(make_hub: Callable[..., Any]) -> None:
    hub = make_hub(max_participants=1, duplicate_identity="refuse")
    hub.start()
    await asyncio.to_thread(hub.wait_ready)
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "first"})
    first = await Client().join(admission["url"], admission["token"])
    await first.publish_tone()
    async with running_agent(hub) as agent:
        await eventually(lambda: "first" in agent.endpoint.connected_participants)
        status, body = await get_json(f"{hub.url}/token")
        assert (status, body["error"]) == (503, "the hub is full: 1 participants at most")
        status, body = await get_json(f"{hub.url}/token", params={"identity": "first"})
        assert (status, "'first' is here already" in body["error"]) == (409, True)

        await first.leave()
        await eventually(lambda: "first" not in agent.endpoint.connected_participants)
        status, body = await get_json(f"{hub.url}/token", params={"identity": "second"})
        assert (status, body["identity"]) == (200, "second")
    await asyncio.to_thread(hub.stop)
