"""Reading subscribed audio tracks: a stream per track id, ended the moment the track goes.

A stream that outlived its track would go on with the next publisher's sound: the transport reuses the line.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from livekit import rtc

from xr_ai_client.audio import HeardAudio

RATE_HZ = 48_000


class TrackStreams:
    """Calls ``heard`` with what comes on each track."""

    def __init__(self, heard: Callable[[HeardAudio], None]) -> None:
        self._heard = heard
        self._streams: dict[str, rtc.AudioStream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def track_sids(self) -> frozenset[str]:
        """The tracks that are being read."""
        return frozenset(self._streams)

    def start(self, track: rtc.Track, sender: str) -> None:
        """Read a track."""
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1)
        self.stop(track.sid)
        self._streams[track.sid] = stream
        self._spawn(self._read(track.sid, sender, stream))

    def stop(self, track_sid: str) -> None:
        """Hear nothing more of a track, from this call on."""
        stream = self._streams.pop(track_sid, None)
        if stream is not None:
            self._spawn(stream.aclose())

    async def aclose(self) -> None:
        """Stop reading everything."""
        for track_sid in tuple(self._streams):
            self.stop(track_sid)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, track_sid: str, sender: str, stream: rtc.AudioStream) -> None:
        async for event in stream:
            if self._streams.get(track_sid) is not stream:
                return
            samples = np.frombuffer(event.frame.data, np.int16).copy()
            self._heard(HeardAudio(sender, track_sid, event.frame.sample_rate, samples))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
