"""The ends of a pipeline: one participant's audio in from the hub, and the agent's speech out to them."""

import asyncio
import logging
import time
from collections import deque
from typing import Protocol

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    StartFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import BaseTransport

from xr_ai_agent import AudioChunk
from xr_ai_pipecat._resample import SPEECH_RATE_HZ, SpeechResampler, to_float

__all__ = ("HubAudio", "XRMediaHubTransport")

logger = logging.getLogger(__name__)

TTS_TRACK_ID = "tts"
# Old audio is worthless to a conversation: more than this waiting means that the machine cannot keep up.
_MAX_WAITING_CHUNKS = 500
_CHUNK_S = 0.04
# What is sent ahead of its time covers a stutter of this process, and is all that a flush has to undo.
_LEAD_S = 0.25
_BYTES_PER_SAMPLE = 2


class HubAudio(Protocol):
    """The part of an agent's endpoint that carries speech to participants."""

    async def send_return_audio(self, chunk: AudioChunk) -> object:
        """Send audio to ``chunk.participant_id``."""
        ...

    async def flush_return_audio(self, participant_id: str) -> object:
        """Drop what was sent to a participant and not yet heard."""
        ...


class XRMediaHubTransport(BaseTransport):
    """One participant's transport over an endpoint that all participants share."""

    def __init__(self, endpoint: HubAudio, participant_id: str) -> None:
        super().__init__(name=f"hub-{participant_id}")
        self.participant_id = participant_id
        self._input = _HubInput()
        self._output = _HubOutput(endpoint, participant_id)

    def feed(self, chunk: AudioChunk) -> None:
        """Take the next piece of the participant's audio."""
        self._input.feed(chunk)

    def input(self) -> FrameProcessor:
        """Return the processor at the start of the pipeline."""
        return self._input

    def output(self) -> FrameProcessor:
        """Return the processor at the end of the pipeline."""
        return self._output


class _HubInput(FrameProcessor):
    """Turns hub audio into 16 kHz mono frames."""

    def __init__(self) -> None:
        super().__init__(name="HubInput")
        self._resampler = SpeechResampler()
        self._chunks: deque[AudioChunk] = deque(maxlen=_MAX_WAITING_CHUNKS)
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def feed(self, chunk: AudioChunk) -> None:
        if self._task is None:
            return
        if len(self._chunks) == _MAX_WAITING_CHUNKS:
            logger.warning("%s: audio arrives faster than it is worked on; some is lost", chunk.participant_id)
            self._chunks.clear()
        self._chunks.append(chunk)
        self._arrived.set()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            # The processors behind must have started before the first audio reaches them.
            await self.push_frame(frame, direction)
            self._task = self.create_task(self._pump())
            return
        if isinstance(frame, EndFrame | CancelFrame):
            await self._stop()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._stop()

    async def _pump(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._chunks:
                chunk = self._chunks.popleft()
                pcm = self._resampler.convert(chunk.data, chunk.sample_rate, chunk.channels)
                if pcm:
                    await self.push_frame(InputAudioRawFrame(pcm, SPEECH_RATE_HZ, 1))

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await self.cancel_task(task)


class _HubOutput(FrameProcessor):
    """Sends speech at the pace it is heard, and waits while the participant speaks."""

    def __init__(self, endpoint: HubAudio, participant_id: str) -> None:
        super().__init__(name="HubOutput")
        self._endpoint = endpoint
        self._participant_id = participant_id
        self._floor_is_free = asyncio.Event()
        self._floor_is_free.set()
        self._heard_until = 0.0
        self._speaks = False
        self._silence: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame():
                await self._floor_is_free.wait()
                await self._send(frame.audio, frame.sample_rate)
                return
            case UserStartedSpeakingFrame():
                self._floor_is_free.clear()
            case UserStoppedSpeakingFrame():
                self._floor_is_free.set()
            case InterruptionFrame():
                await self._cut_off()
            case EndFrame() | CancelFrame():
                await self._cancel_silence()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._cancel_silence()

    async def _send(self, pcm: bytes, rate_hz: int) -> None:
        await self._cancel_silence()
        await self._begin_speaking()
        step = round(rate_hz * _CHUNK_S) * _BYTES_PER_SAMPLE
        try:
            for start in range(0, len(pcm), step):
                await self._send_chunk(pcm[start : start + step], rate_hz)
        finally:
            if self._speaks:
                self._silence = self.create_task(self._until_heard())

    async def _send_chunk(self, pcm: bytes, rate_hz: int) -> None:
        samples = len(pcm) // _BYTES_PER_SAMPLE
        await self._endpoint.send_return_audio(
            AudioChunk(
                pts_us=time.time_ns() // 1000,
                sample_rate=rate_hz,
                channels=1,
                samples=samples,
                data=to_float(pcm).tobytes(),
                participant_id=self._participant_id,
                track_id=TTS_TRACK_ID,
            )
        )
        self._heard_until = max(self._heard_until, time.monotonic()) + samples / rate_hz
        await asyncio.sleep(max(0.0, self._heard_until - time.monotonic() - _LEAD_S))

    async def _begin_speaking(self) -> None:
        if not self._speaks:
            self._speaks = True
            await self._tell(BotStartedSpeakingFrame)

    async def _until_heard(self) -> None:
        """Speaking ends when the last sound sent has been heard, unless more comes."""
        await asyncio.sleep(max(0.0, self._heard_until - time.monotonic()))
        self._silence = None
        self._speaks = False
        await self._tell(BotStoppedSpeakingFrame)

    async def _cut_off(self) -> None:
        was_speaking = self._speaks
        self._speaks = False
        self._heard_until = 0.0
        await self._cancel_silence()
        if was_speaking:
            await self._endpoint.flush_return_audio(self._participant_id)
            await self._tell(BotStoppedSpeakingFrame)

    async def _tell(self, kind: type[Frame]) -> None:
        await self.push_frame(kind(), FrameDirection.UPSTREAM)

    async def _cancel_silence(self) -> None:
        task, self._silence = self._silence, None
        if task is not None:
            await self.cancel_task(task)
