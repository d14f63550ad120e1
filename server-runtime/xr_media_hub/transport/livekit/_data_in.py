"""A participant's data messages into the hub: packets as they come, streams once they are whole, in order per topic."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from livekit import rtc
from livekit.rtc.data_stream import StreamError

from xr_ai_agent import InvalidIdError, validate_topic
from xr_media_hub._stats import ParticipantStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit._tasks import Tasks

logger = logging.getLogger(__name__)

StreamReader: TypeAlias = rtc.ByteStreamReader | rtc.TextStreamReader

# Each may hold as much as the largest message; nobody needs more of them at a time.
OPEN_STREAMS_MOST = 4
# What may wait behind unfinished streams, over all topics of a participant.
WAITING_PACKETS_MOST = 500
WAITING_BYTES_MOST = 8 * 2**20
# A sender that is still there sends at least something within this time.
IDLE_LIMIT_S = 10.0


class DataIn:
    """Calls ``push`` with (topic, bytes), one after the other per topic.

    A packet sent after a stream on the same topic never overtakes it; other topics do not wait. What exceeds a limit
    is refused, counted and logged, whoever sends it and however much of it.
    """

    def __init__(
        self,
        who: Who,
        push: Callable[[str, bytes], Awaitable[None]],
        counts: ParticipantStats,
        max_bytes: int,
    ) -> None:
        self._who = who
        self._push = push
        self._counts = counts
        self._max_bytes = max_bytes
        self._lanes: dict[str, deque[bytes | StreamReader]] = {}
        self._waiting_packets = 0
        self._waiting_bytes = 0
        self._tasks = Tasks()
        self._refused = Throttled(logger)

    @property
    def open_streams(self) -> int:
        """Streams that are not whole yet."""
        return sum(not isinstance(item, bytes) for lane in self._lanes.values() for item in lane)

    async def packet(self, topic: str, data: bytes) -> None:
        """Pass a packet on, after what was sent before it on its topic."""
        lane = self._lanes.get(topic)
        if fault := _fault_of_topic(topic):
            self._refuse(fault)
        elif lane is None:
            await self._push(topic, data)
        elif self._waiting_packets >= WAITING_PACKETS_MOST or self._waiting_bytes + len(data) > WAITING_BYTES_MOST:
            self._refuse("too much waits behind an unfinished stream")
        else:
            lane.append(data)
            self._waiting_packets += 1
            self._waiting_bytes += len(data)

    def stream(self, reader: StreamReader) -> None:
        """Receive a stream and pass it on once it is whole; one that is too large or too many is refused."""
        fault = self._fault_of(reader)
        if fault:
            reader.close()
            self._refuse(fault)
            return
        topic = reader.info.topic
        if topic in self._lanes:
            self._lanes[topic].append(reader)
            return
        lane = self._lanes[topic] = deque([reader])
        self._tasks.spawn(self._drain(topic, lane), "stream")

    def stop(self) -> None:
        """Forget everything that is not whole."""
        self._tasks.cancel()
        for topic in list(self._lanes):
            self._abandon(topic)

    async def _drain(self, topic: str, lane: deque[bytes | StreamReader]) -> None:
        try:
            while lane:
                item = lane[0]
                data = item if isinstance(item, bytes) else await self._whole(item)
                lane.popleft()
                if isinstance(item, bytes):
                    self._waiting_packets -= 1
                    self._waiting_bytes -= len(item)
                if data is not None:
                    await self._push(topic, data)
        finally:
            if self._lanes.get(topic) is lane:
                self._abandon(topic)

    def _abandon(self, topic: str) -> None:
        """Let go of a topic's lane; what still waits there is forgotten."""
        for item in self._lanes.pop(topic):
            if isinstance(item, bytes):
                self._waiting_packets -= 1
                self._waiting_bytes -= len(item)
            else:
                item.close()

    async def _whole(self, reader: StreamReader) -> bytes | None:
        parts = bytearray()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(IDLE_LIMIT_S) as limit:
                async for chunk in reader:
                    parts += chunk.encode() if isinstance(chunk, str) else chunk
                    if len(parts) > self._max_bytes:
                        self._refuse(self._too_large(len(parts)))
                        return None
                    limit.reschedule(loop.time() + IDLE_LIMIT_S)
        except TimeoutError:
            self._refuse(f"a stream stood still for {IDLE_LIMIT_S:.0f} s")
            return None
        except StreamError as error:
            self._refuse(f"a stream ended early: {error.description}")
            return None
        finally:
            reader.close()
        return bytes(parts)

    def _fault_of(self, reader: StreamReader) -> str:
        if fault := _fault_of_topic(reader.info.topic):
            return fault
        if self.open_streams >= OPEN_STREAMS_MOST:
            return f"{OPEN_STREAMS_MOST} streams are open already"
        announced = reader.info.size or 0
        return self._too_large(announced) if announced > self._max_bytes else ""

    def _too_large(self, size: int) -> str:
        return f"a stream of {size} bytes or more, at most {self._max_bytes} pass (max_data_bytes)"

    def _refuse(self, why: str) -> None:
        self._counts.dropped_in += 1
        self._refused.log("data from %s was refused: %s", self._who, why)


def _fault_of_topic(topic: str) -> str:
    try:
        validate_topic(topic)
    except InvalidIdError as error:
        return str(error)
    return ""
