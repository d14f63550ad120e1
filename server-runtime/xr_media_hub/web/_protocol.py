"""uvicorn's HTTP protocol with one addition: requests for /rtc leave it and become a splice to LiveKit."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from xr_media_hub.web._clients import Clients
from xr_media_hub.web._head import BadHead, is_signalling, parse_head
from xr_media_hub.web._splice import OnSignalling, Splice
from xr_media_hub.web._upstream import Upstream

HEAD_LIMIT_BYTES = 32_768  # a token is about 1 kB; some clients send it twice
# Head and body: nothing here takes a body, and whoever dawdles keeps a connection that others could have.
REQUEST_LIMIT_S = 10.0
_HEAD_END = b"\r\n\r\n"
_PREFIX = b"GET /rtc"
_REASONS = {400: "Bad Request", 405: "Method Not Allowed", 431: "Request Header Fields Too Large", 502: "Bad Gateway"}


class FrontProtocol(H11Protocol):
    """One client connection.

    ``upstream`` (LiveKit's signalling), ``clients`` and ``on_signalling`` are set by `front_protocol`, which makes a
    class of its own per server, because uvicorn builds protocols without arguments of ours.
    """

    upstream: Upstream
    clients: Clients
    on_signalling: OnSignalling

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._held = bytearray()
        self._splice: Splice | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._request_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Hold what may become a signalling request; everything else is uvicorn's."""
        if self._splice is not None:
            self._splice.client_data(data)
            return
        if not self._held and not self._is_between_requests():
            self._pass_on(data)
            return
        self._expect_request()
        self._held += data
        if self._may_be_signalling():
            self._try_splice()
        else:
            self._release()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of LiveKit as well."""
        self._cancel_request_timer()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._splice is not None:
            self._splice.client_lost()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slowly."""
        if self._splice is not None:
            self._splice.client_is_slow()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._splice is not None:
            self._splice.client_keeps_up()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server stops."""
        if self._splice is not None:
            self.transport.close()
        else:
            super().shutdown()

    def _is_between_requests(self) -> bool:
        is_idle = self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE
        return is_idle and not self.conn.trailing_data[0]

    def _may_be_signalling(self) -> bool:
        seen = bytes(self._held[: len(_PREFIX)])
        return _PREFIX.startswith(seen) if len(seen) < len(_PREFIX) else seen == _PREFIX

    def _try_splice(self) -> None:
        end = self._held.find(_HEAD_END)
        if end < 0:
            if len(self._held) > HEAD_LIMIT_BYTES:
                self._answer(431, f"the head of a request may have {HEAD_LIMIT_BYTES} bytes")
            return
        target = bytes(self._held).split(b"\r\n", 1)[0].split(b" ")[1]
        if not is_signalling(target):
            self._release()
            return
        if len(self._held) > end + len(_HEAD_END):
            self._answer(400, "nothing may follow a signalling request before its answer")
            return
        try:
            head = parse_head(bytes(self._held[:end]))
        except BadHead as error:
            self._answer(error.status, str(error))
            return
        self._cancel_request_timer()
        peer = self.client[0] if self.client else ""
        address = self.clients.address_of(peer, head.text_headers)
        told = str(address) if address else "unknown"
        self._splice = Splice(self.transport, head, told, self.upstream, type(self).on_signalling)
        self._connecting = self._splice.start(self._unreachable)

    def _release(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        self._pass_on(held)

    def _pass_on(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_amid_request():
            self._expect_request()
        else:
            self._cancel_request_timer()

    def _is_amid_request(self) -> bool:
        is_amid_head = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        return is_amid_head or self.conn.their_state is h11.SEND_BODY

    def _unreachable(self) -> None:
        self._answer(502, "the media server is not reachable")

    def _answer(self, status: int, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)
            self.transport.close()

    def _expect_request(self) -> None:
        """Start the clock for the whole of a request, unless it runs already."""
        # uvicorn's own clock for kept connections has done its work; its end must not cut what comes now.
        self._unset_keepalive_if_required()
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(REQUEST_LIMIT_S, self.transport.close)

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None


def front_protocol(upstream: Upstream, clients: Clients, on_signalling: OnSignalling) -> type[FrontProtocol]:
    """Return a protocol class whose signalling goes to ``upstream``, which is told of the client's address."""
    attributes = {"upstream": upstream, "clients": clients, "on_signalling": staticmethod(on_signalling)}
    return type("FrontProtocol", (FrontProtocol,), attributes)
