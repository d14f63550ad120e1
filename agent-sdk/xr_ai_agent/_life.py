"""The life that every endpoint has: it runs until it is stopped, and is closed once."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import final


class Life(ABC):
    """Subclasses say how to serve and what to free; when is decided here."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()
        self._is_closed = False

    @final
    async def run(self) -> None:
        """Serve until `stop`; what peers have sent before waits in the sockets. Returns at once when closed."""
        if self._is_closed:
            return
        with self._serving():
            await self._stopped.wait()

    @final
    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    @final
    def close(self) -> None:
        """Cancel running callbacks, disconnect, and free memory and addresses; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self.stop()
        self._free()

    @abstractmethod
    def _serving(self) -> AbstractContextManager[None]:
        """Serve for as long as the context lasts, on the running loop."""

    @abstractmethod
    def _free(self) -> None:
        """Give everything back; called once, perhaps while the context of `_serving` still lasts."""
