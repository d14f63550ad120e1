"""The listening half of a pipeline: participant audio → utterances → transcripts."""

import asyncio
import logging

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    StartFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from xr_ai_models import ModelError, STTService, Transcription
from xr_ai_pipecat._phrases import is_stop
from xr_ai_pipecat._resample import SPEECH_RATE_HZ
from xr_ai_pipecat._segmenter import Segmenter, SpeechEvent
from xr_ai_pipecat._vad import SileroDetector, SpeechDetector, WindowCutter
from xr_ai_pipecat.config import VadConfig
from xr_ai_pipecat.frames import (
    HearingFailedFrame,
    NotUnderstoodFrame,
    Query,
    QueryFrame,
    StopRequestFrame,
    UtteranceFrame,
)

logger = logging.getLogger(__name__)

# More unanswered utterances than this are the recogniser's trouble; the oldest is given up.
_MAX_WAITING = 4


class SpeechSegmenter(FrameProcessor):
    """Cuts audio into utterances; speech while the agent speaks interrupts the agent's speech (not its work)."""

    def __init__(self, config: VadConfig) -> None:
        super().__init__(name="SpeechSegmenter")
        self._segmenter = Segmenter(config)
        self._cutter = WindowCutter()
        self._detector: SpeechDetector | None = None
        self._bot_speaks = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Consume audio; pass everything else on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self._listen(frame.audio)
            return
        if isinstance(frame, StartFrame):
            self._detector = await SileroDetector.load()
        elif isinstance(frame, BotStartedSpeakingFrame):
            self._bot_speaks = True
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._bot_speaks = False
        await self.push_frame(frame, direction)

    async def _listen(self, pcm: bytes) -> None:
        windows = self._cutter.cut(pcm)
        if not windows or self._detector is None:
            return
        chances = await self._detector.probabilities(windows, is_quiet=self._segmenter.is_quiet)
        for window, probability in zip(windows, chances, strict=True):
            event = self._segmenter.feed(window, probability)
            if event is SpeechEvent.STARTED:
                await self._started()
            elif event is SpeechEvent.FINISHED:
                audio, speech_s = self._segmenter.take()
                await self.push_frame(UtteranceFrame(audio, speech_s))

    async def _started(self) -> None:
        await self.push_frame(UserStartedSpeakingFrame())
        if self._bot_speaks:
            await self.push_frame(InterruptionFrame())


class Transcriber(FrameProcessor):
    """Asks the recogniser about one utterance at a time; audio goes on flowing meanwhile.

    `UserStoppedSpeakingFrame` follows the result, so whoever waits for it knows what was said.
    """

    def __init__(self, stt: STTService, participant_id: str, timeout_s: float) -> None:
        super().__init__(name="Transcriber")
        self._stt = stt
        self._participant_id = participant_id
        self._timeout_s = timeout_s
        self._waiting: asyncio.Queue[UtteranceFrame] = asyncio.Queue(_MAX_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._user_speaks = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Consume utterances; pass everything else on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, UtteranceFrame):
            self._user_speaks = False
            self._enqueue(frame)
            return
        if isinstance(frame, StartFrame):
            self._task = self.create_task(self._run())
        elif isinstance(frame, UserStartedSpeakingFrame):
            self._user_speaks = True
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._stop()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop asking."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._stop()

    def _enqueue(self, frame: UtteranceFrame) -> None:
        if self._waiting.full():
            self._waiting.get_nowait()
            logger.warning(
                "%s: the recogniser is %d utterances behind; one is lost", self._participant_id, _MAX_WAITING
            )
        self._waiting.put_nowait(frame)

    async def _run(self) -> None:
        while True:
            utterance = await self._waiting.get()
            await self.push_frame(await self._result_of(utterance))
            if self._waiting.empty() and not self._user_speaks:
                await self.push_frame(UserStoppedSpeakingFrame())

    async def _result_of(self, utterance: UtteranceFrame) -> Frame:
        try:
            heard = await self._stt.transcribe_verbose(
                utterance.audio, sample_rate=SPEECH_RATE_HZ, timeout=self._timeout_s, user=self._participant_id
            )
        except ModelError as error:
            logger.warning("%s: not transcribed: %s", self._participant_id, error)
            return HearingFailedFrame(str(error))
        except Exception as error:
            # Whatever a recogniser does, the next utterance deserves its chance.
            logger.exception("%s: not transcribed", self._participant_id)
            return HearingFailedFrame(str(error) or type(error).__name__)
        return _frame_for(heard, utterance)

    async def _stop(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            await self.cancel_task(task)


def _frame_for(heard: Transcription, utterance: UtteranceFrame) -> Frame:
    if not heard.text:
        return NotUnderstoodFrame(utterance.speech_s)
    if is_stop(heard.text):
        return StopRequestFrame(heard.text)
    return QueryFrame(
        Query(heard.text, is_spoken=True, confidence=heard.confidence, alternatives=tuple(heard.alternatives))
    )
