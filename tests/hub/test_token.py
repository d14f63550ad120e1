"""Tokens of a running hub, asked for directly and through proxies in between."""

import asyncio
from typing import Any

import aiohttp
import pytest
from kit.hub import SPARE_SECRET, get_json
from kit.participants import join_over_tls
from kit.proxies import ReverseProxy, unverified_tls
from kit.signalling import first_signal
from livekit import api

pytestmark = pytest.mark.anyio


async def test_the_grants_are_those_of_one_participant_for_a_minute(hub: Any) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "granted"})
    claims = api.TokenVerifier("xr-hub", SPARE_SECRET).verify(admission["token"])

    assert (claims.identity, claims.kind, claims.metadata) == ("granted", "standard", "")
    assert claims.video == api.VideoGrants(
        room_join=True,
        room=admission["room"],
        can_publish_sources=["microphone", "camera"],
        can_update_own_metadata=False,
    )
    assert claims.sip in (None, api.SIPGrants())
    with pytest.raises(Exception, match="ignature"):
        api.TokenVerifier("xr-hub", "x" * 32).verify(admission["token"])


@pytest.mark.parametrize("hub_tls", [False, True], ids=["to plain", "to tls"])
@pytest.mark.parametrize("proxy_tls", [False, True], ids=["from plain", "from tls"])
async def test_a_client_joins_through_a_reverse_proxy(
    proxied_hub: Any, tls_hub: Any, public_authority: Any, hub_tls: bool, proxy_tls: bool
) -> None:
    hub, host = (tls_hub, "127.0.0.1") if hub_tls else (proxied_hub, "::1")
    trusting, serving = public_authority
    proxy = ReverseProxy(host, hub.web_port, unverified_tls() if hub_tls else None, serving if proxy_tls else None)
    async with proxy as url, aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
        for path in ("/rtc", "/rtc/v1"):
            for place in ("query", "header"):
                async with session.get(f"{url}/token", params={"identity": "p", "code": "sesame"}) as reply:
                    admission = await reply.json()
                assert admission["url"] == url.replace("http", "ws")
                first = await first_signal(session, admission, path, place)
                assert b"xr-hub-connector" in first, (path, place)


async def test_the_sdk_joins_through_a_proxy_that_terminates_tls(
    proxied_hub: Any, public_authority: Any, public_authority_file: Any
) -> None:
    trusting, serving = public_authority
    async with ReverseProxy("::1", proxied_hub.web_port, None, serving) as url:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/token", ssl=trusting) as reply:
            admission = await reply.json()
        joined = await asyncio.to_thread(join_over_tls, public_authority_file, admission)

    assert joined == "xr-hub-connector"
