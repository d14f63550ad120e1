"""Participants' audio as speech models want it: 16 kHz, mono, 16 bit, without seams between chunks."""

import numpy as np
import soxr
from numpy.typing import NDArray

from xr_ai_pipecat._errors import BadAudioError

SPEECH_RATE_HZ = 16_000
_INT16_SCALE = 32768.0


class SpeechResampler:
    """Converts a stream; it remembers the filter's history, so chunk borders leave no trace."""

    def __init__(self) -> None:
        self._stream: soxr.ResampleStream | None = None
        self._rate_hz = 0

    def convert(self, data: bytes, sample_rate_hz: int, channels: int) -> bytes:
        """Return the next piece of the stream for interleaved float32 samples; a new rate starts a new stream.

        Raises:
            BadAudioError: no sample rate or channels.
        """
        if sample_rate_hz <= 0 or channels <= 0:
            raise BadAudioError(f"audio with {sample_rate_hz} Hz and {channels} channels")
        mono = _mono(data, channels)
        if sample_rate_hz != SPEECH_RATE_HZ:
            mono = self._resampled(mono, sample_rate_hz)
        return to_pcm(mono)

    def _resampled(self, mono: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        if self._stream is None or rate_hz != self._rate_hz:
            self._stream = soxr.ResampleStream(rate_hz, SPEECH_RATE_HZ, 1, dtype="float32", quality="HQ")
            self._rate_hz = rate_hz
        resampled: NDArray[np.float32] = self._stream.resample_chunk(mono)
        return resampled


def to_pcm(samples: NDArray[np.float32]) -> bytes:
    """Return float samples in -1..1 as 16-bit little-endian PCM; louder ones are clipped."""
    scaled = np.clip(np.rint(samples * _INT16_SCALE), -_INT16_SCALE, _INT16_SCALE - 1)
    return bytes(scaled.astype("<i2").tobytes())


def to_float(pcm_s16: bytes) -> NDArray[np.float32]:
    """Return 16-bit little-endian PCM as float samples in -1..1."""
    samples: NDArray[np.float32] = np.frombuffer(pcm_s16, "<i2").astype(np.float32) / np.float32(_INT16_SCALE)
    return samples


def _mono(data: bytes, channels: int) -> NDArray[np.float32]:
    usable = len(data) - len(data) % (4 * channels)
    samples = np.frombuffer(data, "<f4", usable // 4)
    if channels == 1:
        return samples
    mean: NDArray[np.float32] = samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return mean
