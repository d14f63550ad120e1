"""The speaking half of a pipeline: text → sentences → audio, in order, with bounded work ahead."""

import asyncio
import logging
from collections import deque

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    StartFrame,
    TextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from xr_ai_models import ModelError, TTSService
from xr_ai_pipecat._errors import BadAudioError
from xr_ai_pipecat._sentences import SentenceBuffer
from xr_ai_pipecat._wav import Pcm, read_wav

__all__ = ("StreamingTtsProcessor",)

logger = logging.getLogger(__name__)


class StreamingTtsProcessor(FrameProcessor):
    """Speaks `TextFrame` streams sentence by sentence and `TTSSpeakFrame` texts as they are.

    A sentence that cannot be synthesised is left out, with a warning: its text is on the participant's page.
    """

    def __init__(self, tts: TTSService, *, timeout_s: float, parallel: int) -> None:
        super().__init__(name="StreamingTts")
        self._tts = tts
        self._timeout_s = timeout_s
        self._limit = asyncio.Semaphore(parallel)
        self._buffer = SentenceBuffer()
        self._jobs: deque[asyncio.Task[Pcm | None]] = deque()
        self._more = asyncio.Event()
        self._player: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Consume text; pass everything else on."""
        await super().process_frame(frame, direction)
        match frame:
            case TranscriptionFrame():
                pass
            case TTSSpeakFrame(text=text):
                # A complete text ends where it ends, full stop or not, and never joins its neighbours.
                self._speak([*self._buffer.flush(), *self._buffer.feed(text), *self._buffer.flush()])
                return
            case TextFrame(text=text):
                self._speak(self._buffer.feed(text))
                return
            case LLMFullResponseEndFrame():
                self._speak(self._buffer.flush())
            case StartFrame():
                self._player = self.create_task(self._play())
            case InterruptionFrame():
                await self._forget()
            case EndFrame() | CancelFrame():
                await self._shut_down()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop all work."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._shut_down()

    def _speak(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._jobs.append(self.create_task(self._synthesize(sentence)))
        if sentences:
            self._more.set()

    async def _synthesize(self, sentence: str) -> Pcm | None:
        async with self._limit:
            try:
                return read_wav(await self._tts.synthesize(sentence, timeout=self._timeout_s))
            except (ModelError, BadAudioError) as error:
                logger.warning("not spoken: %r: %s", sentence, error)
            except Exception:
                logger.exception("not spoken: %r", sentence)
        return None

    async def _play(self) -> None:
        while True:
            await self._more.wait()
            if not self._jobs:
                self._more.clear()
                continue
            job = self._jobs[0]
            # Waits without taking the job's fate: an interruption cancels jobs, not this loop.
            await asyncio.wait({job})
            if self._jobs and self._jobs[0] is job:
                self._jobs.popleft()
                await self._push_audio(None if job.cancelled() else job.result())

    async def _push_audio(self, pcm: Pcm | None) -> None:
        if pcm is not None and pcm.data:
            await self.push_frame(TTSAudioRawFrame(pcm.data, pcm.rate_hz, 1))

    async def _forget(self) -> None:
        self._buffer.clear()
        jobs, self._jobs = list(self._jobs), deque()
        for job in jobs:
            await self.cancel_task(job)

    async def _shut_down(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            await self.cancel_task(player)
        await self._forget()
