"""Who is here: participants come and go, and what arrives from the hub finds its participant."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from xr_ai_agent import AudioChunk, DataMessage, FrameSignal, ParticipantEvent, ProcessorEndpoint
from xr_render_demo_worker.participant import Participant
from xr_render_demo_worker.session import Agent

__all__ = ("Lobby",)

logger = logging.getLogger(__name__)

_XR_STARTED = "xr.session.started"
_TYPED_TOPIC = ""


class Lobby:
    """Routes an endpoint's messages to participants.

    Somebody who joins can be written to and heard at once; opening and closing what they need takes a moment and is
    worked off in the order of the events.
    """

    def __init__(self, agent: Agent, endpoint: ProcessorEndpoint) -> None:
        self._agent = agent
        self._endpoint = endpoint
        self._present: dict[str, Participant] = {}
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._is_loading = True
        endpoint.on_participant(self._came_or_went)
        endpoint.on_audio(self._heard)
        endpoint.on_frame(self._seen)
        endpoint.on_data(self._told)

    async def run(self) -> None:
        """Let participants in and out until cancelled; then everybody is let out."""
        try:
            while True:
                job = await self._jobs.get()
                try:
                    await job()
                except Exception:
                    logger.exception("somebody could not be let in or out")
        finally:
            for participant in self._present.values():
                await participant.close()

    async def loaded(self) -> None:
        """Everybody who waits may begin."""
        self._is_loading = False
        for participant in list(self._present.values()):
            await participant.outbox.end("loading")

    def _came_or_went(self, event: ParticipantEvent) -> None:
        if not event.joined:
            gone = self._present.pop(event.participant_id, None)
            if gone is not None:
                logger.info("%s left", event.participant_id)
                self._jobs.put_nowait(gone.close)
            return
        known = self._present.get(event.participant_id)
        if known is not None:
            # Hubs repeat their roster; whoever came back has forgotten the status.
            self._jobs.put_nowait(known.outbox.repeat_status)
            return
        participant = Participant(event.participant_id, self._agent, self._endpoint)
        self._present[event.participant_id] = participant
        self._jobs.put_nowait(lambda: self._let_in(participant))

    async def _let_in(self, participant: Participant) -> None:
        await participant.outbox.begin("loading")
        await participant.open()
        if not self._is_loading:
            await participant.outbox.end("loading")
        logger.info("%s joined", participant.outbox.participant_id)

    def _heard(self, chunk: AudioChunk) -> None:
        participant = self._present.get(chunk.participant_id)
        if participant is not None:
            participant.hear(chunk)

    def _seen(self, signal: FrameSignal) -> None:
        participant = self._present.get(signal.participant_id)
        if participant is not None:
            participant.see(signal)

    def _told(self, message: DataMessage) -> None:
        participant = self._present.get(message.participant_id)
        if participant is None:
            return
        if message.topic == _TYPED_TOPIC:
            participant.typed(message.data.decode("utf-8", "replace"))
        elif message.topic == _XR_STARTED:
            participant.headset_session_started()
