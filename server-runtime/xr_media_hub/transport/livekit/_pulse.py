"""Whether somebody whose signalling connection is gone is still there: data and pictures are signs of it.

Sound is none: a stream whose sender is gone goes on with silence.
"""

import asyncio
from collections.abc import Callable

__all__ = ("Pulse",)

# A client that finds its connection cut opens another one within this time: LiveKit's SDK takes two to three seconds.
_LOOKS, _LOOK_S = 12, 0.25


class Pulse:
    """Counts looks instead of seconds, so that a hub that was held up takes nobody for gone."""

    def __init__(self, heard: Callable[[], int], on_silent: Callable[[], None]) -> None:
        """``heard`` returns a number that changes with each sign; ``on_silent`` is called when none came for 3 s."""
        self.is_cut = False
        """Whether there was a connection, and there is none now."""
        self._heard = heard
        self._on_silent = on_silent
        self._looking: asyncio.Task[None] | None = None

    def connection(self, *, is_open: bool) -> None:
        """The first connection has opened, or the last one closed."""
        self.is_cut = not is_open
        self.watch()

    def watch(self) -> None:
        """Begin to look, where no connection does so."""
        self.stop()
        if self.is_cut:
            self._looking = asyncio.create_task(self._look(), name="pulse")

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        heard, quiet = self._heard(), 0
        while quiet < _LOOKS:
            await asyncio.sleep(_LOOK_S)
            before, heard = heard, self._heard()
            quiet = quiet + 1 if heard == before else 0
        self._on_silent()
