"""What may stand between a client and a hub: a reverse proxy, with certificates of an authority of the tests' own."""

import asyncio
import re
import ssl

import trustme

__all__ = ("AUTHORITY", "ReverseProxy", "authority_contexts", "pump", "unverified_tls")

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
    """A proxy as one would put before a hub: it adds its headers, then passes bytes; ``url`` is where it listens."""

    def __init__(
        self,
        hub_host: str,
        hub_port: int,
        hub_tls: ssl.SSLContext | None,
        tls: ssl.SSLContext | None,
        *,
        rewrites_host: bool = False,
        hides: str = "",
    ) -> None:
        """Pass to a hub what comes in through ``tls`` (plain, without one).

        Args:
            rewrites_host: the hub is called by its own name, and told the client's in X-Forwarded-Host.
            hides: answer 404 for this path and those below it.
        """
        self.url = ""
        self.signalled: list[tuple[str, str]] = []
        """Path and place of the token (header or query) of each signalling connection that was passed on."""
        self._hub = (hub_host, hub_port)
        self._hub_tls = hub_tls
        self._tls = tls
        self._rewrites_host = rewrites_host
        self._hides = hides
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "ReverseProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://localhost:{port}"
        return self

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
            path = head.split(b" ")[1].partition(b"?")[0].decode()
            if self._hides and f"{path}/".startswith(f"{self._hides}/"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                writer.close()
                return
            is_upgrade = b"upgrade: websocket" in head.lower()
            if is_upgrade:
                self.signalled.append((path, "query" if b"access_token=" in head.split(b"\r\n")[0] else "header"))
            hub_reader, hub_writer = await asyncio.open_connection(*self._hub, ssl=self._hub_tls)
            hub_writer.write(self._forwarded(head, writer.get_extra_info("peername")[0], is_upgrade=is_upgrade))
            await asyncio.gather(pump(reader, hub_writer), pump(hub_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    def _forwarded(self, head: bytes, client: str, *, is_upgrade: bool) -> bytes:
        added = [f"X-Forwarded-For: {client}", f"X-Forwarded-Proto: {'https' if self._tls else 'http'}"]
        if self._rewrites_host:
            host = re.search(rb"(?i)\r\nhost:[ \t]*([^\r\n]*)", head)
            assert host is not None
            added.append(f"X-Forwarded-Host: {host[1].decode()}")
            head = head.replace(host[0], b"\r\nHost: hub.internal:%d" % self._hub[1])
        if not is_upgrade:
            # One request per connection: the headers must be in each.
            head = re.sub(rb"(?i)\r\nconnection:[^\r\n]*", b"", head)
            added.append("Connection: close")
        return head[:-2] + "".join(f"{line}\r\n" for line in added).encode() + b"\r\n"


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the reader ends, then close the writer."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
