"""Sound as numpy arrays: what a participant hears, WAV files, loudness."""

import wave
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ("HeardAudio", "Samples", "read_wav", "rms")

Samples = npt.NDArray[np.int16]

_FULL_SCALE = 32_768.0
_WAV_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class HeardAudio:
    """A piece of sound from one track: mono int16 samples."""

    sender: str
    track_sid: str
    sample_rate: int
    samples: Samples = field(repr=False)

    @property
    def rms(self) -> float:
        """Loudness, 0…1."""
        return rms(self.samples)


def rms(samples: npt.NDArray[np.int16] | npt.NDArray[np.floating]) -> float:
    """Return the root mean square of int16 samples or of floats in −1…1, as 0…1."""
    if samples.size == 0:
        return 0.0
    values = samples.astype(np.float64)
    scale = _FULL_SCALE if samples.dtype == np.int16 else 1.0
    return float(np.sqrt(np.mean(values * values)) / scale)


def as_int16(samples: npt.NDArray[np.int16] | npt.NDArray[np.floating]) -> Samples:
    """Return mono int16 samples of mono int16, or of floats in −1…1 (louder ones are clipped).

    Raises:
        ValueError: the array is not one-dimensional or of another type.
    """
    if samples.ndim != 1:
        raise ValueError(f"expected mono samples (one dimension), found shape {samples.shape}")
    if samples.dtype == np.int16:
        return samples.astype(np.int16)
    if np.issubdtype(samples.dtype, np.floating):
        return (np.clip(samples, -1.0, 1.0) * (_FULL_SCALE - 1)).astype(np.int16)
    raise ValueError(f"expected int16 or float samples, found {samples.dtype}")


def read_wav(path: Path) -> tuple[Samples, int]:
    """Return (mono int16 samples, sample rate in Hz) of a 16-bit WAV file; channels are averaged.

    Raises:
        ValueError: the samples are not 16 bit.
    """
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != _WAV_SAMPLE_BYTES:
            raise ValueError(f"{path}: {8 * file.getsampwidth()}-bit samples; expected 16-bit PCM")
        channels, rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1)
    return samples.astype(np.int16), rate
