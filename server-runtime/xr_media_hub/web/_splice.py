"""Joins a client's connection to LiveKit's: after the HTTP head only bytes are copied, with back-pressure."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import TypeAlias, cast

from xr_media_hub.web._head import RequestHead
from xr_media_hub.web._upstream import Upstream

logger = logging.getLogger(__name__)

CONNECT_LIMIT_S = 5.0
# LiveKit answers an upgrade once it has checked the token and found the room.
_REPLY_LIMIT_S = 15.0
# A refusal is a few bytes; this is when a connection that LiveKit keeps open after it is cut.
_REFUSAL_LINGER_S = 2.0
_REPLY_HEAD_LIMIT_BYTES = 16_384
_HEAD_END = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_CONNECTION_LINE = re.compile(rb"\r\nconnection:[^\r\n]*", re.IGNORECASE)


OnSignalling: TypeAlias = Callable[[str], Callable[[], None]]
"""Called with the token of a connection that LiveKit has accepted; returns what is called when it ends."""


def nobody_asks(_token: str) -> Callable[[], None]:
    """Be an `OnSignalling` that tells nobody."""
    return lambda: None


class Splice(asyncio.Protocol):
    """The upstream side of one proxied connection.

    The client may send nothing between its request and LiveKit's 101, and nothing at all after a refusal: a second
    request on the same connection would reach LiveKit unchecked.
    """

    def __init__(
        self,
        client: asyncio.Transport,
        head: RequestHead,
        client_host: str,
        server: Upstream,
        on_signalling: OnSignalling,
    ) -> None:
        self._client = client
        self._head = head
        self._client_host = client_host
        self._on_signalling = on_signalling
        self._on_end: Callable[[], None] | None = None
        self._server = server
        self._upstream: asyncio.Transport | None = None
        self._reply = bytearray()
        self._is_open = False
        self._is_refused = False
        self._refusal_bytes_left: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, on_unreachable: Callable[[], None]) -> "asyncio.Task[None]":
        """Connect to LiveKit and send the request; ``on_unreachable`` is called if nobody answers there."""
        self._client.pause_reading()
        return asyncio.create_task(self._connect(on_unreachable), name="signalling proxy")

    async def _connect(self, on_unreachable: Callable[[], None]) -> None:
        loop, server = asyncio.get_running_loop(), self._server
        try:
            connecting = loop.create_connection(lambda: self, server.host, server.port, ssl=server.tls)
            await asyncio.wait_for(connecting, CONNECT_LIMIT_S)
        except (OSError, TimeoutError) as error:
            logger.warning("LiveKit's signalling is unreachable: %s", error or "timeout")
            on_unreachable()

    # -- upstream events (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request, or hang up if the client left meanwhile."""
        self._upstream = cast(asyncio.Transport, transport)  # uvloop's do not inherit from asyncio's
        if self._client.is_closing():
            self._upstream.abort()
            return
        self._upstream.write(self._head.forwarded(self._client_host, self._server))
        self._timer = asyncio.get_running_loop().call_later(_REPLY_LIMIT_S, self._client.close)

    def data_received(self, data: bytes) -> None:
        """Pass LiveKit's bytes on."""
        if self._is_open:
            self._client.write(data)
        elif self._is_refused:
            self._pass_refusal(data)
        else:
            self._reply += data
            self._read_reply_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """LiveKit hung up: so do we, once the client has what was sent."""
        self._tell_end()
        self._cancel_timer()
        self._client.close()

    def pause_writing(self) -> None:
        """LiveKit does not keep up: stop reading the client."""
        self._client.pause_reading()

    def resume_writing(self) -> None:
        """LiveKit has caught up."""
        if self._is_open and not self._client.is_closing():
            self._client.resume_reading()

    # -- client events, called by the web protocol

    def client_data(self, data: bytes) -> None:
        """Pass the client's bytes on."""
        if self._is_open and self._upstream is not None:
            self._upstream.write(data)

    def client_lost(self) -> None:
        """The client is gone."""
        self._tell_end()
        self._cancel_timer()
        if self._upstream is not None:
            self._upstream.close()

    def client_is_slow(self) -> None:
        """The client does not keep up: stop reading LiveKit."""
        if self._upstream is not None:
            self._upstream.pause_reading()

    def client_keeps_up(self) -> None:
        """The client has caught up."""
        if self._upstream is not None and not self._upstream.is_closing():
            self._upstream.resume_reading()

    # -- LiveKit's answer

    def _read_reply_head(self) -> None:
        end = self._reply.find(_HEAD_END)
        if end < 0:
            if len(self._reply) > _REPLY_HEAD_LIMIT_BYTES:
                self._client.close()
            return
        self._cancel_timer()
        reply, self._reply = bytes(self._reply), bytearray()
        if self._head.is_upgrade and reply.startswith(b"HTTP/1.1 101 "):
            self._is_open = True
            self._on_end = self._on_signalling(self._head.token)
            self._client.write(reply)
            self._client.resume_reading()
            return
        self._refuse(reply[: end + 2], reply[end + len(_HEAD_END) :])

    def _refuse(self, head: bytes, body: bytes) -> None:
        self._is_refused = True
        length = _CONTENT_LENGTH.search(head)
        self._refusal_bytes_left = int(length[1]) if length else None
        self._client.write(_CONNECTION_LINE.sub(b"", head) + b"Connection: close" + _HEAD_END)
        self._timer = asyncio.get_running_loop().call_later(_REFUSAL_LINGER_S, self._client.close)
        self._pass_refusal(body)

    def _pass_refusal(self, body: bytes) -> None:
        self._client.write(body)
        if self._refusal_bytes_left is not None:
            self._refusal_bytes_left -= len(body)
            if self._refusal_bytes_left <= 0:
                self._client.close()

    def _tell_end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
