"""Every way in: direct or behind a reverse proxy, TLS on and off, /rtc and /rtc/v1, the token in either place."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kit.agents import running_agent
from kit.proxies import ReverseProxy, unverified_tls
from kit.sdk import talk_over_tls
from kit.signalling import first_signal, media_addresses

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

PATHS = ("/rtc", "/rtc/v1")
PLACES = ("query", "header")
HUB = "xr-hub-connector"


async def ask(session: aiohttp.ClientSession, url: str, identity: str) -> dict[str, str]:
    """An admission, whether or not this hub wants its code."""
    async with session.get(f"{url}/token", params={"identity": identity, "code": "sesame"}) as reply:
        assert reply.status == 200, await reply.text()
        admission: dict[str, str] = await reply.json()
        return admission


@pytest.mark.parametrize("has_tls", [False, True], ids=["plain", "tls"])
async def test_signalling_passes_directly(hub: Any, tls_hub: Any, has_tls: bool) -> None:
    url = (tls_hub if has_tls else hub).url
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=unverified_tls())) as session:
        for path, place in itertools.product(PATHS, PLACES):
            admission = await ask(session, url, "signaller")
            assert HUB.encode() in await first_signal(session, admission, path, place), (path, place)


@pytest.mark.parametrize("rewrites_host", [False, True], ids=["host kept", "host rewritten"])
@pytest.mark.parametrize("hub_tls", [False, True], ids=["to plain", "to tls"])
@pytest.mark.parametrize("proxy_tls", [False, True], ids=["from plain", "from tls"])
async def test_signalling_passes_through_a_reverse_proxy(
    proxy_to: Callable[..., ReverseProxy], public_authority: Any, proxy_tls: bool, hub_tls: bool, rewrites_host: bool
) -> None:
    trusting, _ = public_authority
    async with (
        proxy_to(hub_tls=hub_tls, tls=proxy_tls, rewrites_host=rewrites_host) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
    ):
        for path, place in itertools.product(PATHS, PLACES):
            admission = await ask(session, proxy.url, "p")
            assert admission["url"] == proxy.url.replace("http", "ws")
            assert HUB.encode() in await first_signal(session, admission, path, place), (path, place)
    assert proxy.signalled == list(itertools.product(PATHS, PLACES))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("hub_tls", [False, True], ids=["to plain", "to tls"])
@pytest.mark.parametrize("proxy_tls", [False, True], ids=["from plain", "from tls"])
async def test_the_sdk_talks_through_a_reverse_proxy(
    proxy_to: Callable[..., ReverseProxy],
    hub_behind: Callable[[bool], Any],
    public_authority: Any,
    public_authority_file: Path,
    proxy_tls: bool,
    hub_tls: bool,
    path: str,
) -> None:
    trusting, _ = public_authority
    hides = "/rtc/v1" if path == "/rtc" else ""  # what makes clients turn to the older path
    async with (
        proxy_to(hub_tls=hub_tls, tls=proxy_tls, rewrites_host=True, hides=hides) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
        running_agent(hub_behind(hub_tls)) as agent,
    ):
        admission = await ask(session, proxy.url, "sdk")
        await talk_over_tls(public_authority_file, admission, agent)
    assert {signalled for signalled, _ in proxy.signalled} == {path}


async def test_clients_are_told_to_send_media_to_the_configured_address_and_ports(make_hub: Callable[..., Any]) -> None:
    # Nobody's address (RFC 5737). Nothing is sent there: this client does not take up LiveKit's offer.
    hub = make_hub(node_ip="192.0.2.7").start()
    await asyncio.to_thread(hub.wait_ready)
    async with aiohttp.ClientSession() as session:
        told = await media_addresses(session, await ask(session, hub.url, "alice"))
    ports = {("udp", hub.config["lk_port_udp"]), ("tcp", hub.config["lk_port_tcp"])}
    assert {(kind, port) for kind, _, port in told} == ports
    assert {str(address) for _, address, _ in told if address.version == 4} == {"192.0.2.7"}


async def test_the_media_server_may_be_behind_tls_itself(
    own_livekit: Any, join: Callable[..., Any], public_authority: Any, public_authority_file: Path
) -> None:
    hub, (_, serving) = own_livekit.hub, public_authority
    await own_livekit.start()
    async with ReverseProxy("127.0.0.1", hub.config["lk_port_ws"], None, serving) as front:
        hub.config["livekit_url"] = front.url.replace("http", "ws")
        hub.environment["SSL_CERT_FILE"] = str(public_authority_file)
        await asyncio.to_thread(hub.start().wait_ready)
        async with running_agent(hub) as agent:
            alice = await join(hub, "alice")
            await alice.publish_tone()
            await alice.send(b"hello")
            await eventually(lambda: agent.texts("alice") == [b"hello"] and agent.peak("alice") > 0.1)
            await agent.tell("alice", "agent.response", b"welcome")
            await agent.say("alice", hz=500, seconds=1.0)
            await eventually(lambda: alice.data and alice.loud_since(0))
            assert alice.data == [("agent.response", b"welcome", HUB)]
            await alice.leave()
        assert len(front.signalled) >= 2, "the hub or the participant found another way"
        await asyncio.to_thread(hub.stop)
