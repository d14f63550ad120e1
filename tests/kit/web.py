"""The hub's web server in the test's own event loop, without a hub behind it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.types import ASGIApp

from xr_ai_program.http import bind
from xr_media_hub.web import Clients, serve_web

__all__ = ("serving",)


@asynccontextmanager
async def serving(
    app: ASGIApp | None = None,
    *,
    host: str = "127.0.0.1",
    livekit_url: str = "ws://127.0.0.1:9",
    clients: Clients | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serve ``app`` (nothing, without one) and signalling on a free port until the block ends; yields the URL."""
    sock = bind(host, 0)
    url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"
    started = asyncio.Event()
    running = asyncio.create_task(
        serve_web(app or Starlette(), sock, livekit_url, clients or Clients(()), tls, started.set)
    )
    await started.wait()
    try:
        yield url
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
