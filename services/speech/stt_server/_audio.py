"""Any recording a client may send, as the recogniser wants it: 16 kHz mono 16-bit PCM."""

import io

import numpy as np
import soundfile
import soxr

__all__ = ("SAMPLE_RATE", "AudioError", "decode")

SAMPLE_RATE = 16_000
# pocketsphinx needs a few frames; anything shorter is a click.
_MIN_SAMPLES = SAMPLE_RATE // 50
_MAX_SECONDS = 120


class AudioError(Exception):
    """The upload is not audio this server can read; the message says what it is and what is expected."""


def decode(recording: bytes) -> bytes:
    """Return ``recording`` (WAV, FLAC, Ogg … of any rate and channel count) as 16 kHz mono s16le samples.

    Raises:
        AudioError: not a recording libsndfile can read, too long, or too short to hold speech.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(recording)) as file:
            if file.frames > file.samplerate * _MAX_SECONDS:
                raise AudioError(f"the recording is longer than {_MAX_SECONDS} s; send it in parts")
            rate = file.samplerate
            mono = file.read(dtype="float32", always_2d=True).mean(axis=1)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{len(recording)} bytes that are no audio file ({error.error_string})") from error
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    if len(mono) < _MIN_SAMPLES:
        raise AudioError(f"{len(mono)} samples are too few to hold speech")
    samples: bytes = (np.clip(mono, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return samples
