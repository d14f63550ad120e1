"""LiveKit's signalling, spoken without an SDK."""

import base64
import ipaddress
import json
from collections.abc import AsyncIterator

import aiohttp
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, Ping, SignalRequest, SignalResponse, WrappedJoinRequest

from kit.processes import WAIT_LIMIT_S

__all__ = ("first_signal", "media_addresses", "signals_after")


async def first_signal(
    session: aiohttp.ClientSession, admission: dict[str, str], path: str, place: str, **more: str
) -> bytes:
    """Open LiveKit's signalling with the token in the ``place`` given, and return its first message."""
    params = more if path == "/rtc" else {"join_request": _JOIN_REQUEST, **more}
    headers = {}
    if place == "query":
        params["access_token"] = admission["token"]
    else:
        headers["Authorization"] = f"Bearer {admission['token']}"
    async with session.ws_connect(f"{admission['url']}{path}", params=params, headers=headers) as websocket:
        message = await websocket.receive(timeout=WAIT_LIMIT_S)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return bytes(message.data)


async def signals_after(
    session: aiohttp.ClientSession, admission: dict[str, str], *asked: SignalRequest
) -> list[SignalResponse]:
    """Join, send LiveKit what is ``asked``, and return all that it said until it answered a ping after that."""
    ping = SignalRequest(ping_req=Ping(timestamp=1))
    return [said async for said in _signals(session, admission, "pong_resp", *asked, ping)]


async def media_addresses(
    session: aiohttp.ClientSession, admission: dict[str, str]
) -> set[tuple[str, ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Join, and return where LiveKit tells the client to send its media: (udp or tcp, address, port)."""
    # What it tells next comes after the last candidate.
    said = [said.trickle async for said in _signals(session, admission, "room_update") if said.HasField("trickle")]
    candidates = [json.loads(trickle.candidateInit)["candidate"].split() for trickle in said]
    return {(each[2], ipaddress.ip_address(each[4]), int(each[5])) for each in candidates}


async def _signals(
    session: aiohttp.ClientSession, admission: dict[str, str], last: str, *asked: SignalRequest
) -> AsyncIterator[SignalResponse]:
    params = {"access_token": admission["token"], "protocol": "16", "sdk": "python", "auto_subscribe": "1"}
    async with session.ws_connect(f"{admission['url']}/rtc", params=params) as websocket:
        for request in asked:
            await websocket.send_bytes(request.SerializeToString())
        kind: str | None = None
        while kind != last:
            message = await websocket.receive(timeout=WAIT_LIMIT_S)
            assert message.type is aiohttp.WSMsgType.BINARY, message
            said = SignalResponse.FromString(message.data)
            kind = said.WhichOneof("message")
            yield said


def _join_request() -> str:
    client = ClientInfo(sdk=ClientInfo.SDK.PYTHON, protocol=16, version="1.0.0")
    wrapped = WrappedJoinRequest(join_request=JoinRequest(client_info=client).SerializeToString())
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


_JOIN_REQUEST = _join_request()
