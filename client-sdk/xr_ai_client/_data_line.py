"""Data messages of any size: small ones as packets, larger ones as byte streams of the same topic, delivered whole."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from livekit import rtc
from livekit.rtc.data_stream import StreamError
from livekit.rtc.participant import PublishDataError

from xr_ai_client._errors import DataTooLargeError, NotSentError

logger = logging.getLogger(__name__)

MAX_DATA_BYTES = 32 * 2**20
"""The most that any hub can be configured to carry in one message (its ``max_data_bytes`` is 16 MiB by default)."""

# LiveKit's data channel takes packets up to about 64 KiB; what is larger goes as a stream (docs/contracts.md).
_PACKET_BYTES = 60_000
# A sender that is still there sends at least something within this time.
_IDLE_LIMIT_S = 30.0

_StreamReader: TypeAlias = rtc.ByteStreamReader | rtc.TextStreamReader


@dataclass(frozen=True, slots=True)
class ReceivedData:
    """A data message from the hub."""

    topic: str
    data: bytes = field(repr=False)
    sender: str

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; bytes that are none are replaced."""
        return self.data.decode("utf-8", "replace")


class DataLine:
    """Both ways of a room's data. Per topic, messages arrive in the order in which they were sent."""

    def __init__(
        self,
        room: rtc.Room,
        hub_identity: str | None,
        deliver: Callable[[ReceivedData], None],
        max_bytes: int = MAX_DATA_BYTES,
    ) -> None:
        """Call ``deliver`` once per message of the hub (of anybody, without a ``hub_identity``)."""
        self.max_bytes = max_bytes
        self.refused = 0
        """Messages that were too large, or whose sender gave up in the middle."""
        self._room = room
        self._hub_identity = hub_identity
        self._deliver = deliver
        # Per topic: whole messages behind the unfinished streams that were sent before them.
        self._lanes: dict[str, deque[ReceivedData | tuple[_StreamReader, str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        room.on("data_received", self._on_packet)
        # The SDK registers stream handlers for one topic each; a participant hears every topic.
        room._byte_stream_handlers = room._text_stream_handlers = _AnyTopic(self._on_stream)

    def hears(self, identity: str) -> bool:
        """Whether somebody is to be heard."""
        return self._hub_identity is None or identity == self._hub_identity

    async def send(self, topic: str, data: bytes) -> None:
        """Send to the hub (to everybody, without one); returns once LiveKit has taken all of it.

        Raises:
            DataTooLargeError: no hub takes so much in one message.
            NotSentError: the connection broke.
        """
        if len(data) > MAX_DATA_BYTES:
            raise DataTooLargeError(f"{len(data)} bytes on topic {topic!r}: a hub takes at most {MAX_DATA_BYTES}")
        local, to = self._room.local_participant, [self._hub_identity] if self._hub_identity else []
        try:
            if len(data) <= _PACKET_BYTES:
                await local.publish_data(data, reliable=True, destination_identities=to, topic=topic)
            else:
                await local.send_bytes(data, destination_identities=to, topic=topic, compress=False)
        except (PublishDataError, StreamError) as error:
            raise NotSentError(f"{len(data)} bytes on topic {topic!r} were not sent: {error}") from error

    async def aclose(self) -> None:
        """Deliver nothing more; what is not whole yet is given up."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        for lane in self._lanes.values():
            for item in lane:
                if not isinstance(item, ReceivedData):
                    item[0].close()
        self._lanes.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_packet(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else ""
        if self._is_closed or not self.hears(sender):
            return
        message = ReceivedData(packet.topic or "", packet.data, sender)
        lane = self._lanes.get(message.topic)
        if lane is None:
            self._deliver(message)
        else:
            lane.append(message)

    def _on_stream(self, reader: _StreamReader, sender: str) -> None:
        if self._is_closed or not self.hears(sender):
            reader.close()
            return
        topic = reader.info.topic
        if topic in self._lanes:
            self._lanes[topic].append((reader, sender))
            return
        lane = self._lanes[topic] = deque([(reader, sender)])
        task = asyncio.create_task(self._drain(topic, lane), name=f"data stream {topic}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, topic: str, lane: deque[ReceivedData | tuple[_StreamReader, str]]) -> None:
        while lane:
            item = lane[0]
            try:
                message = item if isinstance(item, ReceivedData) else await self._whole(topic, *item)
            except StreamError as error:
                self.refused += 1
                logger.warning("a message on topic %r was refused: %s", topic, error.description)
            else:
                self._deliver(message)
            lane.popleft()
        del self._lanes[topic]

    async def _whole(self, topic: str, reader: _StreamReader, sender: str) -> ReceivedData:
        too_large = StreamError(f"it has more than {self.max_bytes} bytes")
        parts = bytearray()
        loop = asyncio.get_running_loop()
        try:
            if (reader.info.size or 0) > self.max_bytes:
                raise too_large
            async with asyncio.timeout(_IDLE_LIMIT_S) as limit:
                async for chunk in reader:
                    parts += chunk.encode() if isinstance(chunk, str) else chunk
                    if len(parts) > self.max_bytes:
                        raise too_large
                    limit.reschedule(loop.time() + _IDLE_LIMIT_S)
        except TimeoutError:
            raise StreamError(f"it stood still for {_IDLE_LIMIT_S:.0f} s") from None
        finally:
            reader.close()
        return ReceivedData(topic, bytes(parts), sender)


class _AnyTopic(dict[str, Callable[[Any, str], None]]):
    """A registry with the same handler for every topic."""

    def __init__(self, handler: Callable[[Any, str], None]) -> None:
        super().__init__()
        self._handler = handler

    def get(self, _topic: str, _default: object = None) -> Callable[[Any, str], None]:
        return self._handler
