"""One process of the camera's figures: who is filmed, an agent that fetches every frame, or a plain subscriber.

    camera_peer.py publisher HUB_URL
    camera_peer.py agent SUB_ADDRESS PUSH_ADDRESS
    camera_peer.py subscriber LIVEKIT_URL TOKEN

Each answers "take" with what it has seen since: number of a frame → time in ms. The publisher writes the number of each
frame into its picture; the time is when it was captured, or when its pixels were there. The agent adds for how long the
hub had each (since LiveKit's library gave it to the hub, `FrameData.pts_us`), and is told by "fetch" whether it wants
pixels of its own (what `request_frame` gives unless told otherwise) or reads them in place.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import httpx2
import numpy as np
import numpy.typing as npt
from child import serve
from livekit import rtc

from xr_ai_agent import FrameData, FrameSignal, FrameView, ProcessorEndpoint

WIDTH, HEIGHT, FPS = 1280, 720, 30
_BITS, _BLOCK_PX = 16, 48
_DARK, _LIGHT, _MIDDLE = 40, 210, 125
_BITRATE_BPS = 2_000_000
_STEP_PX = 4

Picture = npt.NDArray[np.uint8]


class _Seen:
    """Number of a frame → when. Its coroutines are commands."""

    def __init__(self) -> None:
        self.times_ms: dict[int, float] = {}
        self.passing_ms: list[float] = []
        self.height = 0
        self.wants_copies = True
        self.running: asyncio.Task[None] | None = None

    def note(self, number: int) -> None:
        self.times_ms[number] = time.monotonic_ns() / 1e6

    def note_passed(self, frame: FrameData | FrameView) -> None:
        self.passing_ms.append((time.time_ns() // 1000 - frame.pts_us) / 1e3)
        self.note_pixels(frame.width, frame.height, frame.data)

    def note_pixels(self, width: int, height: int, data: Any) -> None:
        now_ms = time.monotonic_ns() / 1e6
        self.height = height
        # The encoder may have made the picture smaller.
        block = _BLOCK_PX * width // WIDTH
        row = np.frombuffer(data, np.uint8, count=width, offset=width * (block // 2))
        bits = row[block // 2 : block * _BITS : block] > _MIDDLE
        number = int(sum(1 << place for place, bit in enumerate(bits) if bit))
        self.times_ms.setdefault(number, now_ms)

    async def take(self) -> dict[str, Any]:
        """Return what was seen since the last time."""
        if self.running is not None and self.running.done():
            self.running.result()
            raise RuntimeError("it has ended")
        taken, self.times_ms = self.times_ms, {}
        passing, self.passing_ms = self.passing_ms, []
        return {"times_ms": taken, "passing_ms": passing, "height": self.height}

    async def fetch(self, copied: bool) -> None:
        """As agent: get pixels of one's own from now on, or read them in place."""
        self.wants_copies = copied


async def _publish(seen: _Seen, hub_url: str) -> None:
    async with httpx2.AsyncClient() as http:
        admission = (await http.get(f"{hub_url}/token", params={"identity": "filmed"})).json()
    room = rtc.Room()
    await room.connect(admission["url"], admission["token"])
    source = rtc.VideoSource(WIDTH, HEIGHT)
    encoding = rtc.VideoEncoding(max_bitrate=_BITRATE_BPS, max_framerate=FPS)
    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False, video_codec=rtc.VideoCodec.VP8, video_encoding=encoding
    )
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    await room.local_participant.publish_track(track, options)
    background, number = _background(), 0
    due = time.monotonic()
    while True:
        number = (number + 1) % (1 << _BITS)
        frame = rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, _picture(background, number).tobytes())
        seen.note(number)
        source.capture_frame(frame)
        due += 1 / FPS
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _background() -> Picture:
    """Return a luma plane with something in it, as a room has."""
    rough = np.random.default_rng(1).integers(60, 190, (HEIGHT // 40, WIDTH // 40))
    plane: Picture = np.kron(rough, np.ones((40, 40))).astype(np.uint8)
    return plane


def _picture(background: Picture, number: int) -> Picture:
    luma = np.roll(background, number * _STEP_PX % WIDTH, axis=1)
    for place in range(_BITS):
        left = place * _BLOCK_PX
        luma[:_BLOCK_PX, left : left + _BLOCK_PX] = _LIGHT if number >> place & 1 else _DARK
    return np.concatenate([luma.ravel(), np.full(WIDTH * HEIGHT // 2, 128, np.uint8)])


async def _fetch(seen: _Seen, sub_addr: str, push_addr: str) -> None:
    endpoint = ProcessorEndpoint(sub_addr=sub_addr, push_addr=push_addr, name="bench")

    async def on_frame(signal: FrameSignal) -> None:
        frame: FrameData | FrameView | None
        if seen.wants_copies:
            frame = await endpoint.request_frame(signal)
        else:
            frame = await endpoint.request_frame(signal, copy=False)
        if frame is not None:
            seen.note_passed(frame)

    endpoint.on_frame(on_frame)
    await endpoint.run()


async def _subscribe(seen: _Seen, url: str, token: str) -> None:
    room, tracks = rtc.Room(), asyncio.Queue[rtc.Track]()
    room.on("track_subscribed", lambda track, *_: tracks.put_nowait(track))
    await room.connect(url, token)
    while (track := await tracks.get()).kind != rtc.TrackKind.KIND_VIDEO:
        pass
    async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.I420):
        seen.note_pixels(event.frame.width, event.frame.height, event.frame.data)


async def _play(role: str, *arguments: str) -> None:
    seen = _Seen()
    begin = {"publisher": _publish, "agent": _fetch, "subscriber": _subscribe}[role]
    seen.running = asyncio.create_task(begin(seen, *arguments))
    await serve(seen)


if __name__ == "__main__":
    if sys.argv[1] == "agent":
        import uvloop

        uvloop.run(_play(*sys.argv[1:]))
    else:
        asyncio.run(_play(*sys.argv[1:]))
