"""Serving an ASGI application: readiness only once the port is bound, one sentence when it is taken."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from xr_ai_program._errors import StartupError
from xr_ai_program._readiness import Readiness

__all__ = ("bind", "serve_http")

_BACKLOG = 128
# Open streams (server-sent events of MCP sessions) never end by themselves; a stop must not wait for them.
_GRACEFUL_STOP_S = 1


def bind(host: str, port: int) -> socket.socket:
    """Return a listening-ready TCP socket.

    Raises:
        StartupError: the address is taken or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it; without it every kept-alive
    # request waits about 40 ms for the peer's delayed ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Listening here, not later in the server: two sockets may share a bound port until one of them listens.
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise StartupError(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Stop the program that holds the port "
            f"(`ss -ltnp 'sport = :{port}'` names it) or set another `port` in the configuration."
        ) from error
    return sock


async def serve_http(app: ASGIApp, host: str, port: int, readiness: Readiness, *, ready_text: str = "") -> None:
    """Serve ``app`` until cancelled; `Readiness.ready` is called once requests are answered.

    Raises:
        StartupError: the port cannot be bound.
    """
    sock = bind(host, port)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACEFUL_STOP_S)
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        await asyncio.wait({serving, asyncio.ensure_future(server.ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            readiness.ready(ready_text)
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
        sock.close()
    if not server.ready.is_set():
        raise StartupError(f"the server on {host}:{port} ended while starting; its log lines above say why")


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
