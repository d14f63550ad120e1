"""Serving an ASGI application: readiness only once the port is bound, one sentence when it is taken."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from xr_ai_program._errors import StartupError
from xr_ai_program._readiness import Readiness

__all__ = ("bind", "serve_http", "serve_socket")

_BACKLOG = 128
# Open streams (server-sent events of MCP sessions) never end by themselves; a stop must not wait for them.
_GRACEFUL_STOP_S = 1
# What is cancelled then has this long for its last words.
_CANCELLED_STOP_S = 1.0


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
    await serve_socket(app, bind(host, port), on_started=lambda: readiness.ready(ready_text))


async def serve_socket(
    app: ASGIApp,
    sock: socket.socket,
    *,
    on_started: Callable[[], None],
    tls: ssl.SSLContext | None = None,
    **uvicorn_options: Any,
) -> None:
    """Serve ``app`` on a bound socket until cancelled, and close it; ``on_started`` is called once it answers.

    Raises:
        StartupError: the server ended before it answered.
    """
    options = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": _GRACEFUL_STOP_S}
    config = uvicorn.Config(app, **(options | uvicorn_options))
    config.load()
    config.ssl = tls
    server = _Server(config, on_started)
    where = sock.getsockname()
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
        sock.close()
    if not server.started:
        raise StartupError(f"the server on {where[0]}:{where[1]} ended while starting; its log lines above say why")


class _Server(uvicorn.Server):
    """A uvicorn server that says when it has started and leaves signals to the program's frame."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and return once no request is under way: uvicorn cancels those that last, and does not wait for them.

        Whoever stopped us takes apart next what they use.
        """
        await super().shutdown(sockets)
        if tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=_CANCELLED_STOP_S)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to `run_program`; uvicorn would take them over."""
        yield
