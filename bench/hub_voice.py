"""An agent and a participant speak to each other through a whole hub and LiveKit, and the agent falls silent."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from figures import Figure, most
from hub_process import RunningHub, running_hub
from hub_slices import progress

from xr_ai_agent import AudioChunk, ProcessorEndpoint
from xr_ai_client import Participant
from xr_ai_client.audio import rms
from xr_ai_program.testing import eventually

__all__ = ("Round", "measure_voice", "voice_rows")

_PART = "voice"
_WHO = "listener"
_RATE_HZ, _CHUNK_S, _SPEECH_S, _CALL_S = 24_000, 0.01, 3.0, 0.2
_LOUD, _HZ = 0.05, 500
# How much of the speech is heard before it is cut off; a receiver's jitter buffer is filled by then.
_HEARD_S, _SILENCE_S, _LIMIT_S = 0.7, 0.5, 20.0
_LEFT_MUST_MS = 100


class Round(NamedTuple):
    """What was measured once, in ms."""

    called: float
    """The participant speaks → the agent hears it. (50 ms of it wait in `xr_ai_client`'s microphone.)"""
    first: float
    """The agent's first chunk → the first sound at the participant's ear."""
    left: float
    """The agent's flush → the last sound there."""


def measure_voice(*, is_quick: bool) -> list[Figure]:
    """A participant calls; an agent gives three seconds of speech all at once, and a flush while it is heard.

    The speech is 10 ms chunks at 24 kHz, without a pause, as a speech server gives it. Agent and participant are one
    process, so that one clock measures. What LiveKit's library holds ahead, network and jitter buffers are in it.
    """
    with tempfile.TemporaryDirectory() as folder, running_hub(Path(folder)) as hub:
        return voice_rows(asyncio.run(_talk(hub, rounds=4 if is_quick else 12)))


def voice_rows(rounds: list[Round]) -> list[Figure]:
    """Return the table's rows."""
    called, first, left = zip(*rounds, strict=True)
    left_ms = [statistics.median(left)]
    return [
        Figure(_PART, "participant speaks → agent hears", "ms", called),
        Figure(_PART, "agent speaks → participant hears", "ms", first),
        Figure(_PART, "agent's flush → silence at the participant's ear", "ms", left_ms, must=most(_LEFT_MUST_MS)),
    ]


class _Ear:
    """Notes when there was sound."""

    def __init__(self) -> None:
        self.loud_at: list[float] = []

    def take(self, samples: npt.NDArray[np.int16] | npt.NDArray[np.floating]) -> None:
        if rms(samples) > _LOUD:
            self.loud_at.append(time.monotonic())

    async def first(self) -> float:
        """Return when the next sound came, having forgotten those before."""
        self.loud_at.clear()
        return (await eventually(lambda: self.loud_at))[0]


async def _talk(hub: RunningHub, rounds: int) -> list[Round]:
    endpoint = ProcessorEndpoint(hub.ipc["sub_addr"], hub.ipc["push_addr"], name="bench")
    agents_ear, ear = _Ear(), _Ear()
    endpoint.on_audio(lambda chunk: agents_ear.take(np.frombuffer(chunk.data, "<f4")))
    running = asyncio.create_task(endpoint.run())
    await endpoint.wait_connected()
    found = []
    async with asyncio.timeout(_LIMIT_S * rounds), await Participant.join(hub.url, _WHO) as person:
        person.on_audio(lambda audio: ear.take(audio.samples))
        await person.open_microphone()
        for number in range(rounds + 1):
            progress(f"voice: {number} of {rounds}")
            called_ms = await _call(person, agents_ear)
            found.append(Round(called_ms, *await _answer(endpoint, ear)))
    endpoint.close()
    await running
    # The agent's track is published with its first speech.
    return found[1:]


async def _call(person: Participant, ear: _Ear) -> float:
    hearing = asyncio.create_task(ear.first())
    began = time.monotonic()
    await person.say(_tone(_CALL_S), _RATE_HZ)
    return 1e3 * (await hearing - began)


async def _answer(endpoint: ProcessorEndpoint, ear: _Ear) -> tuple[float, float]:
    samples = _tone(_CHUNK_S)
    hearing = asyncio.create_task(ear.first())
    began = time.monotonic()
    for _ in range(int(_SPEECH_S / _CHUNK_S)):
        chunk = AudioChunk(time.time_ns() // 1000, _RATE_HZ, 1, len(samples), samples.tobytes(), _WHO, "voice")
        await endpoint.send_return_audio(chunk)
    first_ms = 1e3 * (await hearing - began)
    await asyncio.sleep(_HEARD_S)
    flushed_at = time.monotonic()
    await endpoint.flush_return_audio(_WHO)
    await asyncio.sleep(_SILENCE_S)
    return first_ms, 1e3 * (max(ear.loud_at[-1], flushed_at) - flushed_at)


def _tone(seconds: float) -> npt.NDArray[np.floating]:
    at = np.arange(int(_RATE_HZ * seconds)) / _RATE_HZ
    return (np.sin(2 * np.pi * _HZ * at) / 2).astype("<f4")
