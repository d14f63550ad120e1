"""The way from a client to a hub, to be cut in the middle of everything."""

import asyncio
from contextlib import suppress

from kit.proxies import pump

__all__ = ("Cable",)


class Cable:
    """A port that leads to another port of this machine as long as nobody has pulled the plug."""

    def __init__(self, port: int) -> None:
        self._far_port = port
        self._is_pulled = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Cable":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.pull()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def pull(self) -> None:
        """Cut every connection; new ones are hung up on until `plug`."""
        self._is_pulled = True
        for writer in self._writers:
            writer.transport.abort()

    def plug(self) -> None:
        """Let connections through again."""
        self._is_pulled = False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_pulled:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far_port)
        ends = {writer, far_writer}
        self._writers |= ends
        with suppress(OSError):
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        self._writers -= ends
