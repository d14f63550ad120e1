"""Runs the web application and the signalling proxy on one socket."""

import socket
import ssl
from collections.abc import Callable

from starlette.types import ASGIApp

from xr_ai_program.http import serve_socket
from xr_media_hub.web._clients import Clients
from xr_media_hub.web._protocol import HEAD_LIMIT_BYTES, front_protocol
from xr_media_hub.web._splice import OnSignalling, nobody_asks
from xr_media_hub.web._upstream import Upstream


async def serve_web(
    app: ASGIApp,
    sock: socket.socket,
    livekit_url: str,
    clients: Clients,
    tls: ssl.SSLContext | None,
    on_started: Callable[[], None],
    on_signalling: OnSignalling = nobody_asks,
) -> None:
    """Serve ``app`` and LiveKit's signalling on a bound socket until cancelled.

    ``on_signalling`` is told of each signalling connection that LiveKit accepts, and returns what is to be told of its
    end.

    Raises:
        StartupError: the server ended before it answered.
    """
    await serve_socket(
        app,
        sock,
        on_started=on_started,
        tls=tls,
        http=front_protocol(Upstream.of_url(livekit_url), clients, on_signalling),
        ws="none",
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # whose word on addresses counts is the hub's own configuration
        h11_max_incomplete_event_size=HEAD_LIMIT_BYTES,
    )
