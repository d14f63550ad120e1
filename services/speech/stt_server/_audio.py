"""Any WAV a client may send, as the recogniser wants it: 16 kHz mono 16-bit PCM."""

import io
import wave

import numpy as np
import soxr

__all__ = ("SAMPLE_RATE", "AudioError", "decode_wav")

SAMPLE_RATE = 16_000
# pocketsphinx needs a few frames; anything shorter is a click.
_MIN_SAMPLES = SAMPLE_RATE // 50
_MAX_SECONDS = 120
_SCALE = {1: 128.0, 2: 32768.0, 4: 2147483648.0}


class AudioError(Exception):
    """The upload is not audio this server can read; the message says what it is and what is expected."""


def decode_wav(data: bytes) -> bytes:
    """Return ``data``, a PCM WAV file of any rate and channel count, as 16 kHz mono s16le samples.

    Raises:
        AudioError: not a PCM WAV of 8, 16 or 32 bits, too long, or empty.
    """
    try:
        with wave.open(io.BytesIO(data)) as wav:
            rate, channels, width = wav.getframerate(), wav.getnchannels(), wav.getsampwidth()
            if wav.getnframes() > rate * _MAX_SECONDS:
                raise AudioError(f"the recording is longer than {_MAX_SECONDS} s; send it in parts")
            raw = wav.readframes(wav.getnframes())
    except (wave.Error, EOFError) as error:
        raise AudioError(f"not a PCM WAV file ({error}); expected RIFF/WAVE with 8, 16 or 32 bit PCM") from error
    if width not in _SCALE:
        raise AudioError(f"{8 * width}-bit samples; expected 8, 16 or 32 bit PCM")
    mono = _to_float(raw, width, channels).mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    if len(mono) < _MIN_SAMPLES:
        raise AudioError(f"{len(mono)} samples are too few to hold speech")
    samples: bytes = (np.clip(mono, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return samples


def _to_float(raw: bytes, width: int, channels: int) -> np.ndarray:
    whole = raw[: len(raw) // (width * channels) * (width * channels)]
    # 8-bit WAV is unsigned, wider samples are signed (RIFF specification).
    samples = np.frombuffer(whole, "u1").astype(np.int16) - 128 if width == 1 else np.frombuffer(whole, f"<i{width}")
    return samples.reshape(-1, channels).astype(np.float64) / _SCALE[width]
