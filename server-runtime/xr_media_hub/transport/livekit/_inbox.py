"""What happened in a participant's room and is not handled yet: in order, and bounded in what the participant sends."""

import asyncio
import logging

from xr_media_hub._stats import ParticipantStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit._events import DATA, Event, discard, size_of

logger = logging.getLogger(__name__)

EVENTS_MOST = 2_000
# What a fast sender gets through while the hub is held up for a tenth of a second.
BYTES_MOST = 16 * 2**20


class Inbox:
    """A queue of events; data that finds it full is dropped, counted and logged."""

    def __init__(self, who: Who, counts: ParticipantStats) -> None:
        self._who = who
        self._counts = counts
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._bytes = 0
        self._overflowed = Throttled(logger)

    def __len__(self) -> int:
        """Events that wait."""
        return self._events.qsize()

    def put(self, event: Event) -> None:
        """Add an event; only data may be refused."""
        size = size_of(event)
        if event[0] in DATA and (len(self) >= EVENTS_MOST or self._bytes + size > BYTES_MOST):
            discard(event)
            self._counts.dropped_in += 1
            self._overflowed.log("%s sends data faster than the hub takes it; some is dropped", self._who)
            return
        self._bytes += size
        self._events.put_nowait(event)

    async def get(self) -> Event:
        """Wait for the next event."""
        event = await self._events.get()
        self._bytes -= size_of(event)
        return event

    def clear(self) -> None:
        """Forget what waits."""
        while not self._events.empty():
            discard(self._events.get_nowait())
        self._bytes = 0
