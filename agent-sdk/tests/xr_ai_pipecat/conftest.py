"""A real hub in this process, participants who speak flite's voice into it, and speech servers that tests script."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.responses import JSONResponse, Response

from xr_ai_agent import AudioChunk, HubEndpoint, ProcessorEndpoint
from xr_ai_models import OpenAICompatSTT, OpenAICompatTTS
from xr_ai_models.testing import ReceivedRequest, ScriptedServer, scripted_server
from xr_ai_pipecat import BrainProcessor, Query, VadConfig, VoiceConfig, VoiceSession
from xr_ai_program.testing import eventually, flite_wav

DEADLINE_S = 30.0
TTS_RATE_HZ = 8000


@pytest.fixture(scope="session")
def speech() -> Callable[[str], np.ndarray]:
    """Return float32 speech at 16 kHz, spoken by flite's rms voice."""
    cache: dict[str, np.ndarray] = {}

    def say(text: str) -> np.ndarray:
        if text not in cache:
            with wave.open(io.BytesIO(flite_wav(text))) as reader:
                assert reader.getframerate() == 16000
                samples = np.frombuffer(reader.readframes(-1), "<i2")
            cache[text] = samples.astype(np.float32) / 32768
        return cache[text]

    return say


def tone_wav(seconds: float) -> bytes:
    """A WAV that is as loud as speech and as long as asked."""
    samples = 8000 * np.sin(np.arange(round(seconds * TTS_RATE_HZ)) / 4)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(TTS_RATE_HZ)
        writer.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


class RecordingBrain(BrainProcessor):
    """Answers as the test says and keeps what happened, in order."""

    def __init__(self, participant_id: str) -> None:
        super().__init__(participant_id)
        self.queries: list[Query] = []
        self.events: list[str] = []
        self.answer: Callable[[Query], Awaitable[Any]] | None = None

    async def handle_query(self, query: Query) -> Any:
        self.queries.append(query)
        self.events.append(f"query {query.text}")
        try:
            return await self.answer(query) if self.answer else f"You said {query.text}."
        except asyncio.CancelledError:
            self.events.append(f"cancelled {query.text}")
            raise

    def supersedes(self, query: Query) -> bool:
        return not query.text.startswith("then ")

    async def on_query_superseded(self) -> None:
        self.events.append("superseded")

    async def on_query_waits(self, query: Query) -> None:
        self.events.append(f"waits {query.text}")

    async def on_query_refused(self, query: Query) -> None:
        self.events.append(f"refused {query.text}")

    async def on_stop_requested(self, query: Query, forgotten: int) -> None:
        self.events.append(f"stop {query.text}" + (f" and {forgotten} more" if forgotten else ""))

    async def on_not_understood(self, speech_s: float) -> None:
        self.events.append("not understood")

    async def on_hearing_failed(self, reason: str) -> None:
        self.events.append(f"hearing failed: {reason}")

    async def on_user_started_speaking(self) -> None:
        self.events.append("user starts")

    async def on_user_stopped_speaking(self) -> None:
        self.events.append("user stops")

    async def on_bot_started_speaking(self) -> None:
        self.events.append("bot starts")

    async def on_bot_stopped_speaking(self) -> None:
        self.events.append("bot stops")


@dataclass
class Person:
    """Somebody connected, with the pipeline that listens to them."""

    name: str
    stage: "Stage"
    brain: RecordingBrain
    session: VoiceSession

    async def send(self, samples: np.ndarray, *, rate_hz: int = 16000, chunk_ms: int = 10, channels: int = 1) -> None:
        """Publish audio, faster than it would be spoken but not all at once."""
        step = rate_hz * chunk_ms // 1000 * channels
        for start in range(0, len(samples), step):
            data = samples[start : start + step].astype("<f4").tobytes()
            count = len(data) // 4 // channels
            await self.stage.connector.push_audio(AudioChunk(0, rate_hz, channels, count, data, self.name, "mic"))
            await asyncio.sleep(chunk_ms / 1000 / 10)

    async def say(self, samples: np.ndarray, *, silence_s: float = 1.0) -> None:
        """Speak, then be silent long enough to be understood."""
        await self.send(np.concatenate([np.zeros(8000, np.float32), samples]))
        await self.silence(silence_s)

    async def silence(self, seconds: float) -> None:
        await self.send(np.zeros(round(16000 * seconds), np.float32))


@dataclass
class Stage:
    """The hub, its people, and the two speech servers."""

    connector: Any
    endpoint: ProcessorEndpoint
    stt: ScriptedServer
    tts: ScriptedServer
    exits: AsyncExitStack
    heard: dict[str, list[AudioChunk]] = field(default_factory=dict)
    flushed: list[str] = field(default_factory=list)
    sessions: dict[str, VoiceSession] = field(default_factory=dict)
    transcripts: dict[str, list[Any]] = field(default_factory=dict)
    tts_seconds: float = 0.3

    async def join(self, name: str, *, config: VoiceConfig | None = None) -> Person:
        await self.connector.notify_participant_joined(name, 0)
        await eventually(lambda: name in self.endpoint.connected_participants, f"{name} joined")
        brain = RecordingBrain(name)
        stt = await self.exits.enter_async_context(OpenAICompatSTT(self.stt.url))
        tts = await self.exits.enter_async_context(OpenAICompatTTS(self.tts.url))
        session = VoiceSession(self.endpoint, name, stt, tts, brain, config or VoiceConfig(VadConfig()))
        async with asyncio.timeout(DEADLINE_S):
            await self.exits.enter_async_context(session)
        self.sessions[name] = session
        return Person(name, self, brain, session)

    def will_hear(self, name: str, *texts: Any) -> None:
        """Queue what the recogniser answers about a participant's next utterances."""
        self.transcripts.setdefault(name, []).extend(texts)

    def spoken_texts(self) -> list[str]:
        return [request.json["input"] for request in self.tts.requests]

    def heard_seconds(self, name: str) -> float:
        return sum(chunk.samples / chunk.sample_rate for chunk in self.heard.get(name, []))

    def answer_stt(self, received: ReceivedRequest) -> Any:
        answer = self.transcripts[received.form["user"]].pop(0)
        if isinstance(answer, Response):
            return answer
        return answer() if callable(answer) else JSONResponse({"text": answer, "confidence": 0.9})

    def feed(self, chunk: AudioChunk) -> None:
        session = self.sessions.get(chunk.participant_id)
        if session is not None:
            session.feed(chunk)


@pytest.fixture
async def stage(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Stage]:
    pull, pub = f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub"
    hub = HubEndpoint(pull, pub)
    connector = hub.connect_local("test")
    endpoint = ProcessorEndpoint(pub, pull)
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(endpoint.run())]
    async with scripted_server() as stt, scripted_server() as tts, AsyncExitStack() as exits:
        made = Stage(connector, endpoint, stt, tts, exits)
        stt.answer(made.answer_stt)
        tts.answer(lambda _received: Response(tone_wav(made.tts_seconds)))
        connector.on_return_audio(lambda chunk: made.heard.setdefault(chunk.participant_id, []).append(chunk))
        connector.on_return_audio_flush(lambda flush: made.flushed.append(flush.participant_id))
        endpoint.on_audio(made.feed)
        async with asyncio.timeout(DEADLINE_S):
            await endpoint.wait_connected()
        yield made
    endpoint.close()
    hub.close()
    await asyncio.gather(*tasks)


@pytest.fixture(name="tone_wav")
def tone_wav_fixture() -> Callable[[float], bytes]:
    return tone_wav
