"""What may stand between a client and a hub: a reverse proxy, with certificates of an authority of the tests' own."""

import asyncio
import re
import ssl

import trustme

__all__ = ("AUTHORITY", "ReverseProxy", "authority_contexts", "unverified_tls")

AUTHORITY = trustme.CA()


def authority_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a client that trusts the authority, and of a server with its certificate for localhost."""
    client, server = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.configure_trust(client)
    AUTHORITY.issue_cert("localhost").configure_cert(server)
    return client, server


def unverified_tls() -> ssl.SSLContext:
    """A client's context that trusts any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class ReverseProxy:
    """A TLS-terminating proxy as one would put before a hub: it adds its headers, then passes bytes."""

    def __init__(
        self, hub_host: str, hub_port: int, hub_tls: ssl.SSLContext | None, tls: ssl.SSLContext | None
    ) -> None:
        self._hub = (hub_host, hub_port)
        self._hub_tls = hub_tls
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self._tls else 'http'}://localhost:{port}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            client = writer.get_extra_info("peername")[0]
            added = f"X-Forwarded-For: {client}\r\nX-Forwarded-Proto: {'https' if self._tls else 'http'}\r\n\r\n"
            hub_reader, hub_writer = await asyncio.open_connection(*self._hub, ssl=self._hub_tls)
            if b"upgrade: websocket" not in head.lower():
                # One request per connection: the headers must be in each.
                head = re.sub(rb"(?i)\r\nconnection:[^\r\n]*", b"", head)[:-2] + b"Connection: close\r\n\r\n"
            hub_writer.write(head[:-2] + added.encode())
            await asyncio.gather(_pump(reader, hub_writer), _pump(hub_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
