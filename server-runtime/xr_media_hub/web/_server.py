"""Runs the web application and the signalling proxy on one socket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from xr_media_hub._errors import HubTaskEnded
from xr_media_hub.web._protocol import HEAD_LIMIT_BYTES, front_protocol

logger = logging.getLogger(__name__)

_STOP_GRACE_S = 1
_DEFAULT_PORTS = {"ws": 80, "wss": 443}
# Its starting and stopping are the hub's own lines.
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


class WebServer:
    """uvicorn on a bound socket; `started` is set once requests are answered."""

    def __init__(self, app: ASGIApp, sock: socket.socket, livekit_url: str, tls: ssl.SSLContext | None) -> None:
        upstream = urlsplit(livekit_url)
        assert upstream.hostname is not None
        protocol = front_protocol((upstream.hostname, upstream.port or _DEFAULT_PORTS[upstream.scheme]))
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=HEAD_LIMIT_BYTES,
            timeout_graceful_shutdown=_STOP_GRACE_S,
        )
        config.load()
        config.ssl = tls
        self._server = _Server(config)
        self._sock = sock

    @property
    def started(self) -> asyncio.Event:
        """Set once requests are answered."""
        return self._server.ready

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            HubTaskEnded: uvicorn ended by itself.
        """
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._sock]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._server.should_exit = True
            await serving
            raise
        finally:
            self._sock.close()
        raise HubTaskEnded("the web server ended by itself; its log lines above say why")


class _Server(uvicorn.Server):
    """A uvicorn server that says when it has started and leaves signals to the program's frame."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to `run_program`; uvicorn would take them over."""
        yield
