"""Resampling, window cutting and the real voice detector."""

import io
import wave
from collections.abc import Callable

import numpy as np
import pytest

from xr_ai_pipecat import BadAudioError, VadConfig
from xr_ai_pipecat._resample import SpeechResampler, to_float, to_pcm
from xr_ai_pipecat._segmenter import WINDOW_S, Segmenter, SpeechEvent
from xr_ai_pipecat._vad import SileroDetector, WindowCutter
from xr_ai_pipecat._wav import read_wav

pytestmark = pytest.mark.anyio


def _convert(samples: np.ndarray, rate_hz: int, chunk: int, channels: int = 1) -> np.ndarray:
    resampler = SpeechResampler()
    frames = samples.astype("<f4")
    step = chunk * channels
    pieces = [resampler.convert(frames[i : i + step].tobytes(), rate_hz, channels) for i in range(0, len(frames), step)]
    return to_float(b"".join(pieces))


def test_sixteen_kilohertz_mono_passes_unchanged() -> None:
    pcm = np.arange(-32768, 32767, 7).astype("<i2").tobytes()
    assert SpeechResampler().convert(to_float(pcm).tobytes(), 16000, 1) == pcm


def test_loud_samples_are_clipped_and_not_wrapped() -> None:
    assert to_pcm(np.array([2.0, -2.0], np.float32)) == np.array([32767, -32768], "<i2").tobytes()


@pytest.mark.parametrize("rate_hz", [48000, 44100, 24000, 8000])
def test_chunk_borders_leave_no_trace(rate_hz: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    whole, pieces = _convert(tone, rate_hz, len(tone)), _convert(tone, rate_hz, rate_hz // 100)
    count = min(len(whole), len(pieces))
    assert count > 14500
    np.testing.assert_allclose(pieces[:count], whole[:count], atol=2e-4)


def test_channels_are_averaged() -> None:
    stereo = np.column_stack([np.full(1600, 0.5), np.full(1600, 0.1)]).ravel()
    np.testing.assert_allclose(_convert(stereo, 16000, 160, channels=2), 0.3, atol=1e-4)


def test_impossible_audio_is_refused() -> None:
    with pytest.raises(BadAudioError, match="0 Hz"):
        SpeechResampler().convert(b"", 0, 1)


async def _segments(samples: np.ndarray, rate_hz: int, chunk_ms: int) -> list[tuple[float, float]]:
    """Return (start, end) of the utterances found in a stream, in seconds."""
    detector, segmenter, cutter, found = await SileroDetector.load(), Segmenter(VadConfig()), WindowCutter(), []
    resampler, position, start = SpeechResampler(), 0, 0.0
    step = rate_hz * chunk_ms // 1000
    for index in range(0, len(samples), step):
        pcm = resampler.convert(samples[index : index + step].astype("<f4").tobytes(), rate_hz, 1)
        windows = cutter.cut(pcm)
        for window, chance in zip(
            windows, await detector.probabilities(windows, is_quiet=segmenter.is_quiet), strict=True
        ):
            position += 1
            match segmenter.feed(window, chance):
                case SpeechEvent.STARTED:
                    start = position * WINDOW_S
                case SpeechEvent.FINISHED:
                    found.append((start, position * WINDOW_S))
    return found


@pytest.mark.parametrize("chunk_ms", [10, 20, 100])
async def test_real_speech_is_found_whatever_the_chunk_size(speech: Callable[[str], np.ndarray], chunk_ms: int) -> None:
    gap = np.zeros(32000, np.float32)
    samples = np.concatenate([gap, speech("put a red cube in front of me"), gap, speech("delete it"), gap])
    reference = await _segments(samples, 16000, 32)
    assert len(reference) == 2
    assert reference[0][0] == pytest.approx(2.2, abs=0.3)
    assert await _segments(samples, 16000, chunk_ms) == reference


async def test_speech_at_the_hubs_rate_is_found_at_the_same_place(speech: Callable[[str], np.ndarray]) -> None:
    gap = np.zeros(16000, np.float32)
    samples = np.concatenate([gap, speech("make it blue"), gap])
    wide = np.interp(np.arange(0, len(samples), 1 / 3), np.arange(len(samples)), samples).astype(np.float32)
    [(start, end)] = await _segments(wide, 48000, 10)
    [(want_start, want_end)] = await _segments(samples, 16000, 32)
    assert start == pytest.approx(want_start, abs=0.1)
    assert end == pytest.approx(want_end, abs=0.1)


async def test_noise_and_clicks_are_no_speech() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, 16000 * 6).astype(np.float32)
    noise[16000::16000] = 1.0
    assert await _segments(noise, 16000, 10) == []


def test_wav_files_are_read_and_others_are_refused() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(22050)
        writer.writeframes(np.array([100, 300, -100, -300], "<i2").tobytes())
    assert read_wav(buffer.getvalue()) == (np.array([200, -200], "<i2").tobytes(), 22050)
    with pytest.raises(BadAudioError, match="not a WAV file"):
        read_wav(b"<html>")
