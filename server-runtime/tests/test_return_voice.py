"""The queue before a return track: bounded, resampled without loss, empty after a flush."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from xr_ai_agent import AudioChunk
from xr_media_hub._stats import ParticipantStats
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit import _return_voice
from xr_media_hub.transport.livekit._return_voice import CHUNKS_MOST, QUEUE_LIMIT_S, RATE_HZ, ReturnVoice

pytestmark = pytest.mark.anyio


class Speaker:
    """A voice with LiveKit's real source, whose frames are recorded on their way into it."""

    def __init__(self) -> None:
        self.counts = ParticipantStats()
        self.voice = ReturnVoice(Who("alice", {}), self.counts)
        self.played: list[np.ndarray] = []
        self.go = asyncio.Event()
        self.go.set()
        self._capture = self.voice.source.capture_frame
        self.voice.source.capture_frame = self._record  # type: ignore[method-assign]

    async def _record(self, frame: object) -> None:
        await self.go.wait()
        self.played.append(np.frombuffer(frame.data, np.int16))  # type: ignore[attr-defined]

    @property
    def samples(self) -> np.ndarray:
        return np.concatenate(self.played) if self.played else np.empty(0, np.int16)


@pytest.fixture
async def speaker() -> AsyncIterator[Speaker]:
    speaker = Speaker()
    running = asyncio.create_task(speaker.voice.run())
    yield speaker
    running.cancel()
    await asyncio.wait({running})
    await speaker.voice.aclose()


def chunk(rate_hz: int, seconds: float, channels: int = 1, level: float = 0.5, hz: float = 400) -> AudioChunk:
    samples = int(rate_hz * seconds)
    wave = level * np.sin(2 * np.pi * hz * np.arange(samples) / rate_hz)
    data = np.repeat(wave, channels).astype("<f4").tobytes()
    return AudioChunk(0, rate_hz, channels, samples, data, "alice", "voice")


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - LiveKit tells nobody
            await asyncio.sleep(0.005)


async def _settled(speaker: Speaker) -> None:
    seen = -1
    while seen != len(speaker.samples):
        seen = len(speaker.samples)
        await asyncio.sleep(2.5 * _return_voice._UTTERANCE_GAP_S)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 1), (22_050, 1), (16_000, 1), (44_100, 2), (24_000, 2)])
async def test_every_rate_comes_out_whole(speaker: Speaker, rate_hz: int, channels: int) -> None:
    for _ in range(25):
        speaker.voice.push(chunk(rate_hz, 0.02, channels))
    await _settled(speaker)

    assert len(speaker.samples) / RATE_HZ == pytest.approx(0.5, abs=0.01)
    peak = np.abs(speaker.samples.astype(int)).max()
    assert peak == pytest.approx(0.5 * 32_767, rel=0.15)


async def test_two_rates_in_one_utterance_follow_each_other(speaker: Speaker) -> None:
    for rate_hz in (22_050, 48_000, 16_000):
        speaker.voice.push(chunk(rate_hz, 0.2))
    await _settled(speaker)

    assert len(speaker.samples) / RATE_HZ == pytest.approx(0.6, abs=0.01)


async def test_a_flush_leaves_at_most_the_frame_under_way(speaker: Speaker) -> None:
    speaker.go.clear()
    for _ in range(50):
        speaker.voice.push(chunk(22_050, 0.1))
    await asyncio.sleep(0)
    speaker.voice.flush()
    speaker.go.set()
    await _settled(speaker)

    assert len(speaker.samples) <= RATE_HZ // 50
    assert speaker.voice.queued_s == 0
    speaker.voice.push(chunk(48_000, 0.1))
    await _settled(speaker)
    assert len(speaker.samples) >= RATE_HZ // 10, "nothing is heard after a flush"


async def test_a_flush_takes_back_what_livekit_has_not_played() -> None:
    voice = ReturnVoice(Who("alice", {}), ParticipantStats())
    running = asyncio.create_task(voice.run())
    for _ in range(50):
        voice.push(chunk(48_000, 0.1))
    await _until(lambda: voice.source.queued_duration > 0.12)
    voice.flush()

    assert voice.source.queued_duration < 0.1
    running.cancel()
    await asyncio.wait({running})
    await voice.aclose()


async def test_the_queue_is_bounded_and_says_what_it_drops(speaker: Speaker, caplog: pytest.LogCaptureFixture) -> None:
    speaker.go.clear()
    for _ in range(int(QUEUE_LIMIT_S) + 20):
        speaker.voice.push(chunk(8_000, 1.0))

    assert speaker.voice.queued_s <= QUEUE_LIMIT_S + 1
    assert speaker.counts.dropped_audio_out >= 18
    assert len([line for line in caplog.messages if "no more than that is kept" in line]) == 1


async def test_chunks_of_no_length_are_bounded_as_well(speaker: Speaker) -> None:
    speaker.go.clear()
    for _ in range(CHUNKS_MOST + 20):
        speaker.voice.push(AudioChunk(0, 48_000, 1, 0, b"", "alice", "voice"))

    assert speaker.counts.return_audio_chunks <= CHUNKS_MOST
    assert speaker.counts.dropped_audio_out >= 20


async def test_speech_that_livekit_does_not_take_is_counted_and_the_next_is_heard(
    speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    record = speaker.voice.source.capture_frame

    async def refuse(_frame: object) -> None:
        raise Exception("InvalidState")

    speaker.voice.source.capture_frame = refuse  # type: ignore[method-assign]
    speaker.voice.push(chunk(48_000, 0.1))
    await _until(lambda: speaker.counts.dropped_audio_out)
    assert "LiveKit did not take it: InvalidState" in caplog.text
    speaker.voice.source.capture_frame = record  # type: ignore[method-assign]
    speaker.voice.push(chunk(48_000, 0.1))
    await _settled(speaker)
    assert len(speaker.samples) == RATE_HZ // 10


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (AudioChunk(0, 48_000, 1, 480, bytes(100), "alice", "v"), "100 bytes for 480 samples"),
        (AudioChunk(0, 0, 1, 1, bytes(4), "alice", "v"), "sample rate 0 Hz"),
        (AudioChunk(0, 48_000, 0, 1, b"", "alice", "v"), "0 channels"),
        (AudioChunk(0, 48_000, 99, 1, bytes(396), "alice", "v"), "99 channels"),
    ],
)
async def test_malformed_speech_is_refused_aloud(
    speaker: Speaker, caplog: pytest.LogCaptureFixture, broken: AudioChunk, words: str
) -> None:
    speaker.voice.push(broken)

    assert speaker.counts.dropped_audio_out == 1
    assert words in caplog.text
    assert speaker.voice.queued_s == 0


async def test_samples_that_are_no_numbers_become_silence(speaker: Speaker) -> None:
    data = np.array([np.nan, np.inf, -np.inf, 7.0] * 120, "<f4").tobytes()
    speaker.voice.push(AudioChunk(0, 48_000, 1, 480, data, "alice", "v"))
    await _settled(speaker)

    assert list(speaker.samples[:4]) == [0, 32_767, -32_767, 32_767]
