"""LiveKit's signalling, spoken without an SDK."""

import base64

import aiohttp
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

__all__ = ("first_signal",)


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
        message = await websocket.receive(timeout=10)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return bytes(message.data)


def _join_request() -> str:
    client = ClientInfo(sdk=ClientInfo.SDK.PYTHON, protocol=16, version="1.0.0")
    wrapped = WrappedJoinRequest(join_request=JoinRequest(client_info=client).SerializeToString())
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


_JOIN_REQUEST = _join_request()
