"""Reading the WAV files that speech servers answer with."""

import io
import wave
from typing import NamedTuple

import numpy as np

from xr_ai_pipecat._errors import BadAudioError

_BYTES_PER_SAMPLE = 2


class Pcm(NamedTuple):
    """16-bit little-endian mono PCM."""

    data: bytes
    rate_hz: int


def read_wav(encoded: bytes) -> Pcm:
    """Return the audio of a 16-bit WAV file; several channels are averaged.

    Raises:
        BadAudioError: not a WAV file, or not 16 bits per sample.
    """
    try:
        with wave.open(io.BytesIO(encoded)) as reader:
            width, channels, rate_hz = reader.getsampwidth(), reader.getnchannels(), reader.getframerate()
            data = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError) as error:
        raise BadAudioError(f"not a WAV file: {error or 'it ends too early'}") from error
    if width != _BYTES_PER_SAMPLE:
        raise BadAudioError(f"WAV with {8 * width} bits per sample; expected 16")
    if channels > 1:
        samples = np.frombuffer(data, "<i2").reshape(-1, channels)
        data = samples.mean(axis=1).astype("<i2").tobytes()
    return Pcm(data, rate_hz)
