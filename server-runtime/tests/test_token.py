"""/token: what is in it, who gets it, how often, and which URL stands in it, whatever is in between."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from kit.web import serving
from prometheus_client import CollectorRegistry

from xr_media_hub.transport.livekit import Admission
from xr_media_hub.web import Clients, MonitorSettings, TokenSettings, WebSettings, create_app
from xr_media_hub.web._clients import parse_address
from xr_media_hub.web._rate_limit import RateLimit

pytestmark = pytest.mark.anyio

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
FOREIGN_PAGE = {"Origin": "https://elsewhere.example"}


async def admit(identity: str) -> Admission:
    return Admission(identity or "guest", "room", "token")


@asynccontextmanager
async def web(host: str = "127.0.0.1", trusted: Any = LOOPBACK, admit: Any = admit, **token: Any) -> AsyncIterator[str]:
    """The hub's web server on a real socket, with an admission that asks nobody."""
    monitor = MonitorSettings(lambda: {"status": "ok"}, lambda: "", CollectorRegistry(), LOOPBACK)
    clients = Clients(trusted)
    settings = WebSettings(token=TokenSettings(admit, is_tls=False, **token), monitor=monitor, clients=clients)
    async with serving(create_app(settings), host=host, clients=clients) as url:
        yield url


async def ask(url: str, source: str | None = None, method: str = "GET", **options: Any) -> tuple[int, Any, Any]:
    connector = aiohttp.TCPConnector(local_addr=(source, 0)) if source else None
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(method, f"{url}/token", **options) as reply,
    ):
        body = await reply.json() if reply.content_type == "application/json" else None
        return reply.status, body, reply.headers


async def test_an_address_that_asks_too_often_waits_and_the_others_do_not() -> None:
    async with web(rate_per_minute=3) as url:
        asked = [await ask(url, source="127.0.0.7", params={"identity": "a"}) for _ in range(4)]
        other = await ask(url, source="127.0.0.8")

    assert [status for status, _, _ in asked] == [200, 200, 200, 429]
    assert 1 <= int(asked[-1][2]["Retry-After"]) <= 20
    assert "too many requests" in asked[-1][1]["error"]
    assert other[0] == 200


async def test_wrong_codes_count_against_their_address() -> None:
    async with web(rate_per_minute=2, join_code="sesame") as url:
        tried = [(await ask(url, params={"code": code}))[0] for code in ("a", "b", "sesame")]

    assert tried == [403, 403, 429]


async def test_behind_a_trusted_proxy_each_client_has_a_rate_of_its_own() -> None:
    def via(*addresses: str) -> dict[str, str]:
        return {"X-Forwarded-For": ", ".join(addresses)}

    async with web(rate_per_minute=1) as url:
        first = [(await ask(url, headers=via(f"6.6.6.{n}", "192.0.2.1")))[0] for n in range(2)]
        second = (await ask(url, headers=via("192.0.2.2")))[0]
    async with web(rate_per_minute=1, trusted=()) as url:
        spoofed = [(await ask(url, headers=via(f"192.0.2.{n}")))[0] for n in range(2)]

    assert first == [200, 429], "what a client claims about itself bought it another bucket"
    assert second == 200
    assert spoofed == [200, 429], "an untrusted peer chose its own address"


def test_a_rate_refills_and_remembers_a_bounded_number_of_addresses() -> None:
    now = 0.0
    rate = RateLimit(6, clock=lambda: now)
    alice = parse_address("192.0.2.1")
    assert [rate.wait_s(alice) for _ in range(6)] == [0.0] * 6
    assert rate.wait_s(alice) == pytest.approx(10.0)
    now = 10.0
    assert (rate.wait_s(alice), rate.wait_s(alice)) == (0.0, pytest.approx(10.0))
    for number in range(10_000):
        rate.wait_s(ipaddress.ip_address(number))
    assert len(rate) <= 4096
    assert rate.wait_s(parse_address("2001:db8::1")) == 0.0
    neighbours = [rate.wait_s(parse_address(f"2001:db8::{n:x}")) for n in range(2, 9)]
    assert neighbours[:5] == [0.0] * 5
    assert min(neighbours[5:]) > 0, "one IPv6 network had more than one bucket"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", "1.1.1.1", "203.0.113.5"),
        ("127.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("::ffff:127.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("127.0.0.1", "6.6.6.6, 1.1.1.1, 127.0.0.9", "1.1.1.1"),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("127.0.0.1", "1.1.1.1:5000", "1.1.1.1"),
        ("127.0.0.1", "junk", None),
        ("::1", None, "::1"),
        ("", None, None),
    ],
)
def test_who_a_client_is(peer: str, forwarded: str | None, client: str | None) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    found = Clients(LOOPBACK).address_of(peer, headers)

    assert found == (ipaddress.ip_address(client) if client else None)


@pytest.mark.parametrize("header", ["via", "cf-connecting-ip"])
def test_a_proxy_that_does_not_say_who_asks_is_not_the_one_who_asks(header: str) -> None:
    assert Clients(LOOPBACK).address_of("127.0.0.1", {header: "1.1 proxy"}) is None


async def test_pages_of_other_sites_join_only_when_they_were_named() -> None:
    async with web() as url:
        assert (await ask(url, headers=FOREIGN_PAGE))[0] == 403
        assert (await ask(url, method="OPTIONS", headers=FOREIGN_PAGE))[0] == 403
        assert (await ask(url, headers={"Sec-Fetch-Site": "cross-site"}))[0] == 403
        status, _, headers = await ask(url, headers={"Origin": url})
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, url)
        status, _, headers = await ask(url)
        assert (status, "Access-Control-Allow-Origin" in headers, headers["Vary"]) == (200, False, "Origin")
    async with web(allowed_origins=("https://elsewhere.example",)) as url:
        status, body, headers = await ask(url, headers=FOREIGN_PAGE)
        assert (status, body["token"]) == (200, "token")
        assert headers["Access-Control-Allow-Origin"] == FOREIGN_PAGE["Origin"]
        status, _, headers = await ask(url, method="OPTIONS", headers=FOREIGN_PAGE)
        assert (status, headers["Access-Control-Allow-Methods"]) == (200, "GET")
        assert (await ask(url, headers={"Origin": "https://elsewhere.example.evil"}))[0] == 403
    async with web(allowed_origins=("*",)) as url:
        assert (await ask(url, headers={"Origin": "null"}))[0] == 200


async def test_only_a_trusted_proxy_says_where_the_client_came_in() -> None:
    claims = {"Host": "hub.lan:8080", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "demo.example.org"}
    async with web() as url:
        assert (await ask(url, headers=claims))[1]["url"] == "wss://demo.example.org"
    async with web(trusted=()) as url:
        assert (await ask(url, headers=claims))[1]["url"] == "ws://hub.lan:8080"
    async with web(public_url="wss://fixed.example.org:444/") as url:
        assert (await ask(url, headers=claims))[1]["url"] == "wss://fixed.example.org:444"


async def test_ipv6_is_an_address_like_any_other() -> None:
    async with web(host="::1", rate_per_minute=1) as url:
        status, body, _ = await ask(url)
        assert (status, body["url"]) == (200, url.replace("http", "ws"))
        assert (await ask(url))[0] == 429


async def test_a_join_under_way_when_the_server_stops_is_over_before_the_server_is() -> None:
    begun, undone = asyncio.Event(), asyncio.Event()

    async def admit_slowly(_identity: str) -> Admission:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):  # what takes a room back asks LiveKit
                await asyncio.sleep(0)
            undone.set()
        raise AssertionError("nobody is admitted")

    async with web(admit=admit_slowly) as url:
        asking = asyncio.create_task(ask(url))
        await begun.wait()
    assert undone.is_set(), "the server was gone before the join was undone"
    status, body, _ = await asking
    assert (status, body) == (503, {"error": "the hub is stopping"})
