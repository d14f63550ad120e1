"""Sound as Opus, at the place in time where it was heard: gaps stay gaps, and jitter does not become one."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av import AudioFrame, AudioResampler
from av.container import OutputContainer

from xr_ai_agent import AudioChunk
from xr_media_hub.recording._units import MICROSECONDS, AnyPacket

__all__ = ("RATE_HZ", "OpusEncoder")

RATE_HZ = 48_000
_FRAME_SAMPLES = 960  # 20 ms
_LAYOUTS = {1: "mono", 2: "stereo"}
# Chunks are stamped when they come: a busy hub stamps some of them late. Only more than this is time without sound.
_GAP_SAMPLES = RATE_HZ // 2

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
        if self._behind(at_us) > _GAP_SAMPLES:
            yield from self._skip_to(at_us)
        samples = self._at_our_rate(chunk)
        self.samples += len(samples)
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= _FRAME_SAMPLES:
            frame, self._pending = self._pending[:_FRAME_SAMPLES], self._pending[_FRAME_SAMPLES:]
            yield from self._encode(frame)

    def flush(self) -> Iterator[AnyPacket]:
        """Encode the rest."""
        yield from self._encode_rest()
        yield from self._stream.encode(None)

    def _behind(self, at_us: int) -> int:
        return at_us * RATE_HZ // MICROSECONDS - self._position - len(self._pending)

    def _skip_to(self, at_us: int) -> Iterator[AnyPacket]:
        yield from self._encode_rest()
        # The encoder's delay puts the beginning of a frame into the packet before it, which still has the old time:
        # so a silent frame goes first.
        self._position = at_us * RATE_HZ // MICROSECONDS - _FRAME_SAMPLES
        yield from self._encode(np.zeros((_FRAME_SAMPLES, self.channels), np.float32))

    def _encode_rest(self) -> Iterator[AnyPacket]:
        if len(self._pending):
            frame = np.zeros((_FRAME_SAMPLES, self.channels), np.float32)
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
        if self._resampler is None or self._source_rate_hz != chunk.sample_rate:
            self._resampler = AudioResampler(format="flt", layout=_LAYOUTS[self.channels], rate=RATE_HZ)
            self._source_rate_hz = chunk.sample_rate
        parts = [each.to_ndarray() for each in self._resampler.resample(_frame_of(samples, chunk.sample_rate))]
        joined: Samples = np.concatenate([part.reshape(-1, self.channels) for part in parts] or [samples[:0]])
        return joined


def _frame_of(samples: Samples, rate_hz: int) -> AudioFrame:
    packed = np.ascontiguousarray(samples, np.float32).reshape(1, -1)
    frame = AudioFrame.from_ndarray(packed, format="flt", layout=_LAYOUTS[samples.shape[1]])
    frame.sample_rate = rate_hz
    return frame
