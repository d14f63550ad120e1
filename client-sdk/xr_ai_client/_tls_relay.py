"""A loopback port whose connections continue through TLS.

The media SDK trusts only the system's authorities and cannot be told otherwise; a hub's certificate is its own.
"""

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit, urlunsplit

from xr_ai_client._errors import ConnectionFailedError

_CHUNK_BYTES = 64 * 1024
_LOOPBACK = "127.0.0.1"
_HTTPS_PORT = 443
_LAST_WORDS_S = 1.0


class TlsRelay:
    """Relays while open; ``url`` replaces the ``wss`` URL it was opened for."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        self._target = urlsplit(target)
        self._context = context
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The plain URL to connect to instead."""
        assert self._server is not None, "open() first"
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(("ws", f"{_LOOPBACK}:{port}", self._target.path, self._target.query, ""))

    async def open(self) -> "TlsRelay":
        """Listen; the target is tried once, so that a certificate nobody trusts is said at once.

        Raises:
            ConnectionFailedError: no TLS connection to the target.
        """
        _, writer = await self._connect()
        writer.close()
        self._server = await asyncio.start_server(self._accept, _LOOPBACK, 0)
        return self

    async def aclose(self) -> None:
        """Stop listening, let the last words through, and cut what is still relayed then."""
        if self._server is not None:
            self._server.close()
        if self._connections:
            # The media server learns from them that its client left; cut off, it waits 20 s for a lost one.
            await asyncio.wait(self._connections, timeout=_LAST_WORDS_S)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._target.hostname or "", self._target.port or _HTTPS_PORT
        try:
            return await asyncio.open_connection(host, port, ssl=self._context, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            raise ConnectionFailedError(
                f"{host}:{port}: its certificate is not trusted ({error.verify_message}); "
                "pass ca_file= (the hub's /cert) or verify=False"
            ) from error
        except OSError as error:
            raise ConnectionFailedError(f"{host}:{port}: {error}") from error

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            # OSError, not ConnectionError: a peer that closes while data is on its way makes an SSLError.
            with contextlib.suppress(OSError):
                far_reader, far_writer = await self._connect()
                pumps = [_pump(reader, far_writer), _pump(far_reader, writer)]
                await asyncio.gather(*pumps)
        except asyncio.CancelledError:
            # Only `aclose` cancels, and a handler of start_server that ends cancelled is reported as a crash.
            pass
        finally:
            writer.close()
            self._connections.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        # Each side's end ends the other: signalling has no half-open state.
        writer.close()
