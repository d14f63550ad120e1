"""Data messages to one participant: a bounded queue, sent one after the other, so that they arrive in order."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from xr_ai_agent import DataMessage
from xr_media_hub._errors import RoomUnavailable
from xr_media_hub._stats import ParticipantStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who, personal

logger = logging.getLogger(__name__)

_MESSAGES_MOST = 2_000
# So many of the largest messages may wait at a time.
_LARGEST_MOST = 2


class DataOut:
    """What cannot be sent is counted and logged."""

    def __init__(self, who: Who, counts: ParticipantStats, max_bytes: int) -> None:
        self._who = who
        self._counts = counts
        self._max_bytes = max_bytes
        self._queue: deque[DataMessage] = deque()
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._lost = Throttled(logger, logging.ERROR)

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._queue)

    def put(self, message: DataMessage) -> None:
        """Queue a message, or refuse it."""
        size = len(message.data)
        if size > self._max_bytes:
            self._lose(message, f"{size} bytes in one message, at most {self._max_bytes} pass (max_data_bytes)")
        elif len(self._queue) >= _MESSAGES_MOST:
            self._lose(message, f"{_MESSAGES_MOST} messages wait already")
        elif self._queued_bytes + size > _LARGEST_MOST * self._max_bytes:
            self._lose(message, f"{self._queued_bytes} bytes wait already")
        else:
            self._queue.append(message)
            self._queued_bytes += size
            self._arrived.set()

    async def run(self, send: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Send until cancelled; ``send`` (topic, bytes) raises RoomUnavailable for what is lost."""
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            message = self._queue[0]
            try:
                await send(message.topic, message.data)
            except RoomUnavailable as error:
                self._lose(message, str(error))
            else:
                self._counts.data_out += 1
            self._queue.popleft()
            self._queued_bytes -= len(message.data)

    def _lose(self, message: DataMessage, why: str) -> None:
        self._counts.dropped_data_out += 1
        topic = personal(message.topic, "a topic of theirs")
        self._lost.log("data to %s on %s was lost: %s", self._who, topic, self._who.conceal(why))
