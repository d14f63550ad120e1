"""Each stream gets what is its own, pictures are lent and not copied, and nothing stays in LiveKit's memory."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.rtc import _ffi_client

from xr_ai_program.testing import eventually
from xr_media_hub.transport.livekit._media_streams import MediaEvents, Picture, PictureStream, SoundStream

pytestmark = pytest.mark.anyio

WIDTH, HEIGHT = 64, 48
SAMPLES = 480


@pytest.fixture
async def events() -> AsyncIterator[MediaEvents]:
    events = MediaEvents()
    yield events
    events.close()


class Camera:
    """A track of the library's own, filmed and seen in this process."""

    def __init__(self, luma: int) -> None:
        self._source = rtc.VideoSource(WIDTH, HEIGHT)
        self._luma = luma
        self.track = rtc.LocalVideoTrack.create_video_track(f"camera-{luma}", self._source)

    async def film(self) -> None:
        pixels = np.full(WIDTH * HEIGHT * 3 // 2, self._luma, np.uint8).tobytes()
        self._source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, pixels))


class Microphone:
    """As a camera, of sound."""

    def __init__(self, level: int) -> None:
        self._source = rtc.AudioSource(48_000, 1)
        self._level = level
        self.track = rtc.LocalAudioTrack.create_audio_track(f"microphone-{level}", self._source)

    async def sing(self) -> None:
        samples = np.full(SAMPLES, self._level, np.int16).tobytes()
        await self._source.capture_frame(rtc.AudioFrame(samples, 48_000, 1, SAMPLES))


async def _again_and_again(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await act()
        await asyncio.sleep(0.01)


class Repeat:
    """Something done again and again while the block runs."""

    def __init__(self, *acts: Callable[[], Awaitable[None]]) -> None:
        self._tasks = [asyncio.create_task(_again_and_again(act)) for act in acts]

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _count(events: MediaEvents, stream: Any) -> list[Any]:
    """Return where each event that a stream is handed will be noted."""
    handle, handed = stream._ffi_handle.handle, []
    take = events._takers[handle]

    def note(event: Any) -> None:
        handed.append(event)
        take(event)

    events._takers[handle] = note
    return handed


async def test_each_picture_goes_to_its_own_stream_alone(events: MediaEvents) -> None:
    dark, light = Camera(40), Camera(200)
    streams = {40: PictureStream(dark.track, events), 200: PictureStream(light.track, events)}
    handed = {luma: _count(events, stream) for luma, stream in streams.items()}
    async with asyncio.timeout(20), Repeat(dark.film, light.film):
        for luma, stream in streams.items():
            seen = 0
            async for picture in stream.pictures():
                assert (picture.width, picture.height) == (WIDTH, HEIGHT)
                assert len(picture.pixels) == WIDTH * HEIGHT * 3 // 2
                assert set(bytes(picture.pixels)) == {luma}
                seen += 1
                if seen == 5:
                    break
    for luma, stream in streams.items():
        assert {event.video_stream_event.stream_handle for event in handed[luma]} == {stream._ffi_handle.handle}
        await stream.aclose()


async def test_each_sound_goes_to_its_own_stream_alone(events: MediaEvents) -> None:
    low, high = Microphone(1000), Microphone(9000)
    streams = {1000: SoundStream(low.track, events), 9000: SoundStream(high.track, events)}
    handed = {level: _count(events, stream) for level, stream in streams.items()}
    async with asyncio.timeout(20), Repeat(low.sing, high.sing):
        for level, stream in streams.items():
            heard = 0
            async for event in stream:
                assert event.frame.sample_rate == 48_000
                loudest = int(np.frombuffer(event.frame.data, np.int16).max())
                assert loudest <= level
                heard += loudest == level
                if heard == 5:
                    break
    for level, stream in streams.items():
        assert {event.audio_stream_event.stream_handle for event in handed[level]} == {stream._ffi_handle.handle}
        await stream.aclose()


async def test_a_picture_is_lent_until_the_next_one_is_asked_for(events: MediaEvents) -> None:
    camera = Camera(90)
    stream = PictureStream(camera.track, events)
    pictures: list[Picture] = []
    async with asyncio.timeout(20), Repeat(camera.film):
        async for picture in stream.pictures():
            assert picture.pixels[0] == 90
            pictures.append(picture)
            if len(pictures) == 3:
                break
            # Those before it are gone: to read them is an error, not another picture.
            for gone in pictures[:-1]:
                assert gone._handle.disposed
                with pytest.raises(ValueError, match="released"):
                    gone.pixels[0]
    await stream.aclose()


async def test_pictures_that_nobody_asks_for_are_freed_and_the_newest_stay(events: MediaEvents) -> None:
    camera = Camera(120)
    stream = PictureStream(camera.track, events)
    handed = _count(events, stream)
    gc.collect()
    before = len(_ffi_client._live_handles)
    async with asyncio.timeout(20), Repeat(camera.film):
        await eventually(lambda: len(handed) >= 30)
        gc.collect()
        # Two that wait, and one that the camera may be handing over.
        assert len(_ffi_client._live_handles) - before <= 3
    await stream.aclose()
    del stream
    handed.clear()
    gc.collect()
    assert len(_ffi_client._live_handles) <= before


@pytest.mark.parametrize("kind", [SoundStream, PictureStream])
async def test_a_closed_stream_ends_and_is_forgotten(events: MediaEvents, kind: Any) -> None:
    source: Any = Camera(70) if kind is PictureStream else Microphone(500)
    stream = kind(source.track, events)
    reading = asyncio.create_task(_read(stream.pictures() if kind is PictureStream else stream))
    async with asyncio.timeout(20):
        await asyncio.sleep(0)
        await stream.aclose()
        await reading
    assert not events._takers


async def _read(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass
