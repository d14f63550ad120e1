"""Speech from agents to one participant: any rate in, a bounded queue, paced out, silent at once on a flush."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from livekit import rtc

from xr_ai_agent import AudioChunk
from xr_media_hub._stats import ParticipantStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who

logger = logging.getLogger(__name__)

RATE_HZ = 48_000  # Opus' own rate: what the client hears is never resampled again
_CHANNELS = 1
_FRAME_SAMPLES = RATE_HZ // 50
# LiveKit plays from this buffer; long enough for a busy machine, and a flush empties it anyway.
# It fills pauses with silence, which costs 3 % of a core. Without it that is 0.6 %, but the stream's clock stands still
# in a pause: the receiver takes what follows for late, and from then on plays everything half a second later.
_SOURCE_QUEUE_MS = 200
# A spoken answer is shorter; more than this means a runaway agent, and memory must stay bounded.
QUEUE_LIMIT_S = 60.0
# The resampler keeps a few milliseconds back until more comes or the utterance is over.
_UTTERANCE_GAP_S = 0.1
# The same limit in chunks: the smallest that make sense are 5 ms long.
CHUNKS_MOST = 12_000
_MIN_RATE_HZ = 8_000
_MAX_RATE_HZ = 192_000
_MAX_CHANNELS = 8
_FLOAT_BYTES = 4
_INT16_FULL_SCALE = 32_767


class ReturnVoice:
    """The queue before a participant's return track.

    `push` never waits; `run` feeds LiveKit, which plays at audio rate.
    """

    def __init__(self, who: Who, stats: ParticipantStats) -> None:
        self.source = rtc.AudioSource(RATE_HZ, _CHANNELS, queue_size_ms=_SOURCE_QUEUE_MS)
        self._who = who
        self._stats = stats
        self._queue: deque[AudioChunk] = deque()
        self._queued_s = 0.0
        self._arrived = asyncio.Event()
        self._utterance = 0
        self._refused = Throttled(logger)
        self._overflowed = Throttled(logger)
        self._failed = Throttled(logger)
        self._resampler: rtc.AudioResampler | None = None
        self._input_rate_hz = 0

    @property
    def queued_s(self) -> float:
        """Seconds of speech that wait to be played."""
        return self._queued_s

    def push(self, chunk: AudioChunk) -> None:
        """Queue a chunk; one that is malformed or exceeds the limit is dropped, counted and logged."""
        fault = _fault_of(chunk)
        if fault:
            self._stats.dropped_audio_out += 1
            self._refused.log("speech to %s dropped: %s", self._who, fault)
            return
        if self._queued_s >= QUEUE_LIMIT_S or len(self._queue) >= CHUNKS_MOST:
            self._overflow()
            return
        self._queue.append(chunk)
        self._queued_s += chunk.samples / chunk.sample_rate
        self._stats.return_audio_chunks += 1
        self._arrived.set()

    def flush(self) -> None:
        """Forget everything that was not played yet."""
        self._utterance += 1
        self._queue.clear()
        self._queued_s = 0.0
        self._reset_resampler()
        self.source.clear_queue()

    async def run(self) -> None:
        """Play the queue until cancelled."""
        while True:
            if not self._queue and not await self._more_soon():
                await self._play(self._utterance, self._drain_resampler())
                await self._wait_for_chunk()
            if self._queue:
                chunk = self._queue.popleft()
                self._queued_s = max(0.0, self._queued_s - chunk.samples / chunk.sample_rate)
                await self._play(self._utterance, self._resampled(chunk))

    async def aclose(self) -> None:
        """Free LiveKit's side."""
        self._reset_resampler()
        await self.source.aclose()

    async def _play(self, utterance: int, samples: np.ndarray) -> None:
        for frame in self._frames(samples):
            if utterance != self._utterance:
                return
            try:
                await self.source.capture_frame(frame)
            except Exception as error:  # the SDK raises nothing narrower
                self._stats.dropped_audio_out += 1
                self._failed.log("speech to %s dropped: LiveKit did not take it: %s", self._who, error)
                return

    def _frames(self, samples: np.ndarray) -> Iterator[rtc.AudioFrame]:
        """Cut ``samples`` into frames small enough for a flush to take effect between two."""
        for start in range(0, len(samples), _FRAME_SAMPLES):
            part = samples[start : start + _FRAME_SAMPLES]
            yield rtc.AudioFrame(part.tobytes(), RATE_HZ, _CHANNELS, len(part))

    async def _more_soon(self) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wait_for_chunk(), _UTTERANCE_GAP_S)
        return bool(self._queue)

    async def _wait_for_chunk(self) -> None:
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()

    def _resampled(self, chunk: AudioChunk) -> np.ndarray:
        mono = _to_mono_int16(chunk)
        if chunk.sample_rate == RATE_HZ:
            return np.concatenate([self._drain_resampler(), mono]) if self._resampler else mono
        tail = np.empty(0, dtype=np.int16)
        if self._resampler is None or self._input_rate_hz != chunk.sample_rate:
            tail = self._drain_resampler()
            self._resampler = rtc.AudioResampler(chunk.sample_rate, RATE_HZ, num_channels=_CHANNELS)
            self._input_rate_hz = chunk.sample_rate
        return np.concatenate([tail, _samples_of(self._resampler.push(bytearray(mono.tobytes())))])

    def _drain_resampler(self) -> np.ndarray:
        if self._resampler is None:
            return np.empty(0, dtype=np.int16)
        rest = _samples_of(self._resampler.flush())
        self._reset_resampler()
        return rest

    def _reset_resampler(self) -> None:
        self._resampler = None
        self._input_rate_hz = 0

    def _overflow(self) -> None:
        self._stats.dropped_audio_out += 1
        self._overflowed.log(
            "speech to %s dropped: %.0f s in %d chunks are queued already, and no more than that is kept",
            self._who,
            self._queued_s,
            len(self._queue),
        )


def _fault_of(chunk: AudioChunk) -> str:
    if not _MIN_RATE_HZ <= chunk.sample_rate <= _MAX_RATE_HZ:
        return f"sample rate {chunk.sample_rate} Hz, expected {_MIN_RATE_HZ} to {_MAX_RATE_HZ}"
    if not 1 <= chunk.channels <= _MAX_CHANNELS:
        return f"{chunk.channels} channels, expected 1 to {_MAX_CHANNELS}"
    expected = chunk.samples * chunk.channels * _FLOAT_BYTES
    if len(chunk.data) != expected:
        return f"{len(chunk.data)} bytes for {chunk.samples} samples of {chunk.channels} channels, expected {expected}"
    return ""


def _to_mono_int16(chunk: AudioChunk) -> np.ndarray:
    samples = np.frombuffer(chunk.data, dtype="<f4").reshape(-1, chunk.channels)
    mono = np.nan_to_num(samples.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0)
    pcm: np.ndarray = (np.clip(mono, -1.0, 1.0) * _INT16_FULL_SCALE).astype(np.int16)
    return pcm


def _samples_of(frames: list[rtc.AudioFrame]) -> np.ndarray:
    parts = [np.frombuffer(frame.data, dtype=np.int16) for frame in frames]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int16)
