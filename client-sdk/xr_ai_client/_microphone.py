"""A microphone: one track that always sounds, silence between utterances, as a browser's does."""

import asyncio
import contextlib
from collections import deque

import numpy as np
from livekit import rtc

from xr_ai_client.audio import Samples

RATE_HZ = 48_000
_FRAME_SAMPLES = RATE_HZ // 100
# The source's own queue makes `capture_frame` wait at audio rate; more of it would only be delay.
_QUEUE_MS = 50


class Microphone:
    """Plays utterances in real time, in order."""

    def __init__(self) -> None:
        self.source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=_QUEUE_MS)
        self._utterances: deque[tuple[Samples, asyncio.Future[None]]] = deque()
        self._feeder = asyncio.create_task(self._feed(), name="microphone")

    async def say(self, samples: Samples, rate_hz: int) -> None:
        """Play mono samples; returns when the last one was played."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._utterances.append((_resampled(samples, rate_hz), done))
        await done

    async def aclose(self) -> None:
        """Fall silent."""
        self._feeder.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._feeder
        for _, done in self._utterances:
            done.cancel()

    async def _feed(self) -> None:
        silence = np.zeros(_FRAME_SAMPLES, np.int16)
        while True:
            if not self._utterances:
                await self._capture(silence)
                continue
            samples, done = self._utterances[0]
            for start in range(0, len(samples), _FRAME_SAMPLES):
                frame = silence.copy()
                part = samples[start : start + _FRAME_SAMPLES]
                frame[: len(part)] = part
                await self._capture(frame)
            self._utterances.popleft()
            if not done.done():
                done.set_result(None)

    async def _capture(self, frame: Samples) -> None:
        await self.source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE_HZ, 1, len(frame)))


def _resampled(samples: Samples, rate_hz: int) -> Samples:
    if rate_hz == RATE_HZ:
        return samples
    resampler = rtc.AudioResampler(rate_hz, RATE_HZ, num_channels=1)
    frames = resampler.push(rtc.AudioFrame(samples.tobytes(), rate_hz, 1, len(samples))) + resampler.flush()
    return np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames] or [samples[:0]])
