"""One connected participant: their conversation, their voice pipeline, their camera, their headset session."""

import asyncio
import logging
import re

from xr_ai_agent import AudioChunk, FrameSignal, ProcessorEndpoint
from xr_ai_pipecat import BrainProcessor, Query, VadConfig, VoiceConfig, VoiceSession
from xr_render_demo_worker.camera import Camera, CameraTimes
from xr_render_demo_worker.config import WorkerConfig
from xr_render_demo_worker.context import Request
from xr_render_demo_worker.outbox import Outbox
from xr_render_demo_worker.session import Agent, Session
from xr_render_demo_worker.xr_session import XrStarter

__all__ = ("Participant",)

logger = logging.getLogger(__name__)

_CORRECTION = re.compile(r"\s*(?:oh |sorry |okay )*(?:no|wait|actually|not that|instead)\b", re.IGNORECASE)
# Shorter sounds without words are coughs; asking back about them would be a nuisance.
_WORTH_ASKING_BACK_S = 0.5


class Participant:
    """Everything that exists once per participant; nothing here is shared, so nothing can mix."""

    def __init__(self, participant_id: str, agent: Agent, endpoint: ProcessorEndpoint) -> None:
        config = agent.config
        self.outbox = Outbox(participant_id, endpoint)
        times = CameraTimes(
            max_age_s=config.frame_max_age,
            start_timeout_s=config.camera_timeout,
            permission_timeout_s=config.camera_permission_timeout,
            grace_s=config.camera_grace,
            question_s=config.camera_question,
            release_s=config.camera_release,
        )
        self._camera = Camera(endpoint, agent.models.vlm, self.outbox, times)
        session = Session(participant_id, agent, self.outbox, self._camera)
        self._voice = VoiceSession(
            endpoint,
            participant_id,
            agent.models.stt,
            agent.models.tts,
            RenderSceneProcessor(session),
            _voice_config(config),
        )
        self._xr = XrStarter(agent.tools.servers["render-mcp"], config.xr_start_timeout)
        self._xr_task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to listen."""
        await self._voice.start()

    async def close(self) -> None:
        """Stop everything of this participant."""
        if self._xr_task is not None:
            self._xr_task.cancel()
        await self._voice.close()
        await self._camera.close()

    def hear(self, chunk: AudioChunk) -> None:
        """Take the next piece of their audio."""
        self._voice.feed(chunk)

    def see(self, signal: FrameSignal) -> None:
        """Note that their camera made a frame."""
        self._camera.saw(signal)

    def typed(self, text: str) -> None:
        """Handle a typed request."""
        if text.strip():
            self._voice.submit(Query(text.strip()))

    def headset_session_started(self) -> None:
        """Start the renderer for their headset; a second report while that is under way changes nothing."""
        if self._xr_task is None or self._xr_task.done():
            self._xr_task = asyncio.create_task(self._xr.start(self.outbox), name="xr-start")


def _request(query: Query) -> Request:
    return Request(query.text, query.is_spoken, query.confidence, query.alternatives)


def is_correction(text: str) -> bool:
    """Whether a request begins by taking back what was asked for before."""
    return _CORRECTION.match(text) is not None


class RenderSceneProcessor(BrainProcessor):
    """The brain of a pipeline: hands requests to the conversation and shows what is going on."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.participant_id)
        self._session = session
        self._outbox = session.outbox

    async def handle_query(self, query: Query) -> None:
        """Carry out a request; the conversation speaks by `say`."""
        await self._session.handle(_request(query), self.say)

    def supersedes(self, query: Query) -> bool:
        """A change that was asked for gets lost only when the person takes it back: "no, make it white"."""
        return is_correction(query.text)

    async def on_query_waits(self, query: Query) -> None:
        """Show that it was heard and is not forgotten."""
        await self._outbox.progress(f'Next: "{query.text}"')

    async def on_query_refused(self, query: Query) -> None:
        """Say so: what is silently dropped is asked for again and again."""
        await self._outbox.response(f'I am still busy, so I leave out "{query.text}"; please say it again later.')

    async def on_stop_requested(self, query: Query, forgotten: int) -> None:
        """Confirm on the page, silently: silence is what was asked for."""
        await self._outbox.transcript(_request(query))
        also = f" I also forget the {forgotten} you asked for after it." if forgotten else ""
        await self._session.stopped(query.text, f"Okay, I stopped.{also}")

    async def on_not_understood(self, speech_s: float) -> None:
        """Ask back, unless a request is being worked on."""
        if speech_s >= _WORTH_ASKING_BACK_S and not self._session.is_busy:
            await self._tell("Sorry, I did not understand that. Please say it again.")

    async def on_hearing_failed(self, reason: str) -> None:
        """Say that speech does not work now and what does."""
        await self._tell("Sorry, I cannot understand speech right now. You can type instead.")

    async def on_user_started_speaking(self) -> None:
        """Show that somebody listens."""
        await self._outbox.begin("listening")

    async def on_user_stopped_speaking(self) -> None:
        """What was said is known now."""
        await self._outbox.end("listening")

    async def on_bot_started_speaking(self) -> None:
        """An answer begins to be heard."""
        await self._outbox.begin("speaking")

    async def on_bot_stopped_speaking(self) -> None:
        """The answer has been heard or cut off."""
        await self._outbox.end("speaking")

    async def _tell(self, text: str) -> None:
        await self._outbox.response(text)
        await self.say(text)


def _voice_config(config: WorkerConfig) -> VoiceConfig:
    vad = VadConfig(
        silence_duration=config.silence_duration,
        min_speech=config.min_speech,
        silero_threshold=config.silero_threshold,
        max_utterance=config.max_utterance,
    )
    return VoiceConfig(vad, stt_timeout=config.stt_timeout, tts_timeout=config.tts_timeout)
