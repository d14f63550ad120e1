"""Sound as Opus, at the place in time where it was heard: gaps stay gaps, and jitter does not become one."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler
from av.container import OutputContainer

from xr_ai_agent import AudioChunk
from xr_media_hub.recording._units import MICROSECONDS, AnyPacket

__all__ = ("FRAME_SAMPLES", "RATE_HZ", "OpusEncoder")

RATE_HZ = 48_000
FRAME_SAMPLES = 960  # 20 ms
_LAYOUTS = {1: "mono", 2: "stereo"}
# Chunks are stamped when they come, and a busy hub stamps some of them late. Only more than this can be time without
# sound, and only when it is still there once what had to wait has come in a burst.
_GAP_SAMPLES = RATE_HZ // 2
_SETTLE_US = 200_000

Samples = npt.NDArray[np.float32]
"""(samples, channels)."""


class OpusEncoder:
    """Encodes what one microphone sends; more than two channels become one."""

    def __init__(self, container: OutputContainer, channels: int, bitrate: int) -> None:
        self.rate_hz = RATE_HZ
        self.channels = channels if channels in _LAYOUTS else 1
        self.samples = 0
        self._source_channels = channels
        self._stream = container.add_stream("libopus", rate=RATE_HZ, layout=_LAYOUTS[self.channels], format="flt")
        self._stream.bit_rate = bitrate
        self._pending: Samples = np.empty((0, self.channels), np.float32)
        # Where the next encoded sample stands in the file.
        self._position = 0
        # Chunks that came late, with how late each was, until it is known why.
        self._late: list[tuple[int, int, Samples]] = []
        self._resampler: AudioResampler | None = None
        self._source_rate_hz = RATE_HZ

    @property
    def end_us(self) -> int:
        """Time in the file at which the last sample ends."""
        return (self._position + len(self._pending)) * MICROSECONDS // RATE_HZ

    def takes(self, chunk: AudioChunk, at_us: int) -> bool:
        """Whether a chunk can follow: as many channels, and not from before the end."""
        return chunk.channels == self._source_channels and self._behind(at_us) > -_GAP_SAMPLES

    def encode(self, chunk: AudioChunk, at_us: int) -> Iterator[AnyPacket]:
        """Encode a chunk that was heard ``at_us`` after the start of the file."""
        late = self._behind(at_us)
        samples = self._at_our_rate(chunk)
        self.samples += len(samples)
        if self._late or late > _GAP_SAMPLES:
            self._late.append((at_us, late, samples))
            if at_us - self._late[0][0] >= _SETTLE_US:
                yield from self._settle()
        else:
            yield from self._add(samples)

    def _settle(self) -> Iterator[AnyPacket]:
        """Encode what came late: behind a gap if even the last of it is late, else as if nothing had been."""
        late, self._late = self._late, []
        gap = min((behind for _, behind, _ in late), default=0)
        if gap > _GAP_SAMPLES:
            yield from self._skip(gap)
        for _, _, samples in late:
            yield from self._add(samples)

    def _add(self, samples: Samples) -> Iterator[AnyPacket]:
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= FRAME_SAMPLES:
            frame, self._pending = self._pending[:FRAME_SAMPLES], self._pending[FRAME_SAMPLES:]
            yield from self._encode(frame)

    def flush(self) -> Iterator[AnyPacket]:
        """Encode the rest."""
        yield from self._settle()
        yield from self._add(self._resampled(None))
        yield from self._encode_rest()
        yield from self._stream.encode(None)

    def _behind(self, at_us: int) -> int:
        """Samples between the end of what came so far and a time in the file."""
        waiting = len(self._pending) + sum(len(samples) for _, _, samples in self._late)
        return at_us * RATE_HZ // MICROSECONDS - self._position - waiting

    def _skip(self, count: int) -> Iterator[AnyPacket]:
        to = self._position + len(self._pending) + count
        yield from self._encode_rest()
        # The encoder's delay puts the beginning of a frame into the packet before it, which still has the old time:
        # so a silent frame goes first.
        self._position = to - FRAME_SAMPLES
        yield from self._encode(np.zeros((FRAME_SAMPLES, self.channels), np.float32))

    def _encode_rest(self) -> Iterator[AnyPacket]:
        if len(self._pending):
            frame = np.zeros((FRAME_SAMPLES, self.channels), np.float32)
            frame[: len(self._pending)] = self._pending
            self._pending = self._pending[:0]
            yield from self._encode(frame)

    def _encode(self, samples: Samples) -> list[AnyPacket]:
        frame = _frame_of(samples, RATE_HZ)
        frame.pts, frame.time_base = self._position, Fraction(1, RATE_HZ)
        self._position += len(samples)
        return self._stream.encode(frame)

    def _at_our_rate(self, chunk: AudioChunk) -> Samples:
        samples: Samples = np.frombuffer(chunk.data, np.dtype("<f4")).reshape(-1, chunk.channels)
        if self.channels != chunk.channels:
            samples = samples.mean(axis=1, keepdims=True)
        samples = np.nan_to_num(samples)
        if chunk.sample_rate == RATE_HZ:
            return samples
        tail = self._pending[:0]
        if self._resampler is None or self._source_rate_hz != chunk.sample_rate:
            tail = self._resampled(None)
            self._resampler = AudioResampler(format="flt", layout=_LAYOUTS[self.channels], rate=RATE_HZ)
            self._source_rate_hz = chunk.sample_rate
        return np.concatenate([tail, self._resampled(_frame_of(samples, chunk.sample_rate))])

    def _resampled(self, frame: AudioFrame | None) -> Samples:
        """Put a frame through the resampler; None gets what it keeps back, once."""
        if self._resampler is None:
            return self._pending[:0]
        parts = [each.to_ndarray().reshape(-1, self.channels) for each in self._resampler.resample(frame)]
        if frame is None:
            self._resampler = None
        return np.concatenate(parts or [self._pending[:0]])


def _frame_of(samples: Samples, rate_hz: int) -> AudioFrame:
    packed = np.ascontiguousarray(samples, np.float32).reshape(1, -1)
    frame = AudioFrame.from_ndarray(packed, format="flt", layout=_LAYOUTS[samples.shape[1]])
    frame.sample_rate = rate_hz
    return frame
