"""LiveKit's media streams, without what its library adds to every event and every picture.

The library hands each sound and picture of the process to every stream, which drops what is another's: of n
microphones, each sound wakes n tasks. And it copies each picture out of its own memory. Here one reader hands each
event to the stream it is for, and pictures are lent where they lie. The streams stay the library's (1.2); what is used
of their inside is the queue, the handle and how they are created.
"""

import asyncio
import ctypes
from collections.abc import AsyncIterator, Callable
from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, FfiHandle

from xr_ai_agent import PixelFormat

AUDIO_RATE_HZ = 48_000  # Opus decodes to this: the source's own rate
_AUDIO_CHANNELS = 1
# A second of sound: enough to ride out a stall; older sound is dropped, since speech now matters more.
_AUDIO_QUEUE_FRAMES = 100
# The newest picture is the one wanted.
_VIDEO_QUEUE_FRAMES = 2

_KINDS = ("audio_stream_event", "video_stream_event")


class MediaEvents:
    """Hands the media events of LiveKit's library to the streams they are for. Made on the loop that reads those."""

    def __init__(self) -> None:
        self._takers: dict[int, Callable[[Any], None]] = {}
        self._inlet = FfiClient.instance.queue.subscribe(filter_fn=_is_media)
        # Called on the loop for each event: a queue and a task that reads it would only be a detour.
        self._inlet.put_nowait = self._hand_on

    def adopt(self, queue: Any, create: Callable[[], Any], take: Callable[[Any], None]) -> Any:
        """Return a new stream of the library's, whose events ``take`` is called with; the last one says that it ended.

        ``queue`` is the stream's own, which was subscribed a moment ago to the events of all streams.
        """
        FfiClient.instance.queue.unsubscribe(queue)
        stream = create()
        self._takers[stream.handle.id] = take
        return stream

    def close(self) -> None:
        """Hand on nothing more."""
        FfiClient.instance.queue.unsubscribe(self._inlet)
        self._takers.clear()

    def _hand_on(self, event: Any) -> None:
        media = getattr(event, event.WhichOneof("message"))
        take = self._takers.get(media.stream_handle)
        if media.HasField("eos"):
            self._takers.pop(media.stream_handle, None)
        if take is not None:
            take(event)


class SoundStream(rtc.AudioStream):
    """The sound of one track."""

    def __init__(self, track: rtc.Track, events: MediaEvents) -> None:
        self._events = events
        super().__init__(track, sample_rate=AUDIO_RATE_HZ, num_channels=_AUDIO_CHANNELS, capacity=_AUDIO_QUEUE_FRAMES)

    def _create_owned_stream(self) -> Any:
        return self._events.adopt(self._ffi_queue, super()._create_owned_stream, self._ffi_queue.put_nowait)


class Picture:
    """A picture in LiveKit's memory, as I420. `pixels` are there until `release`."""

    __slots__ = ("_handle", "height", "pixels", "width")

    def __init__(self, owned: Any) -> None:
        self._handle = FfiHandle(owned.handle.id)  # which frees it at the latest when the last reference is gone
        self.width: int = owned.info.width
        self.height: int = owned.info.height
        size = PixelFormat.I420.frame_bytes(self.width, self.height)
        self.pixels = memoryview((ctypes.c_uint8 * size).from_address(owned.info.data_ptr)).cast("B")

    def release(self) -> None:
        """Give the memory back."""
        self.pixels.release()
        self._handle.dispose()


class PictureStream(rtc.VideoStream):
    """The pictures of one track."""

    def __init__(self, track: rtc.Track, events: MediaEvents) -> None:
        self._events = events
        self._ended = asyncio.Event()
        super().__init__(track, format=rtc.VideoBufferType.I420, capacity=_VIDEO_QUEUE_FRAMES)

    async def pictures(self) -> AsyncIterator[Picture]:
        """Yield each picture, for as long as nobody asks for the next one."""
        async for picture in self:
            assert isinstance(picture, Picture)
            try:
                yield picture
            finally:
                picture.release()

    def _create_owned_stream(self) -> Any:
        return self._events.adopt(self._ffi_queue, super()._create_owned_stream, self._take)

    def _take(self, event: Any) -> None:
        media = event.video_stream_event
        if media.HasField("frame_received"):
            # What it pushes out of the queue is freed with its last reference.
            self._queue.put(Picture(media.frame_received.buffer))  # type: ignore[arg-type]
        elif media.HasField("eos"):
            self._queue.put(None)
            self._ended.set()

    async def _run(self) -> None:
        # What the library does here, copying, is done by `_take`; closing a stream waits for its end.
        await self._ended.wait()


def _is_media(event: Any) -> bool:
    return event.WhichOneof("message") in _KINDS
