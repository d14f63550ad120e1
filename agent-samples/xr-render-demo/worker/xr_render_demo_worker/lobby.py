"""Who is here: participants come and go, and what arrives from the hub finds its participant."""

import asyncio
import logging

from xr_ai_agent import AudioChunk, DataMessage, FrameSignal, ParticipantEvent, ProcessorEndpoint
from xr_render_demo_worker.participant import Participant
from xr_render_demo_worker.session import Agent

__all__ = ("Lobby",)

logger = logging.getLogger(__name__)

_XR_STARTED = "xr.session.started"
_TYPED_TOPIC = ""


class Lobby:
    """Routes an endpoint's messages to participants; joins and leaves are worked off in their order."""

    def __init__(self, agent: Agent, endpoint: ProcessorEndpoint) -> None:
        self._agent = agent
        self._endpoint = endpoint
        self._present: dict[str, Participant] = {}
        self._events: asyncio.Queue[ParticipantEvent] = asyncio.Queue()
        self._is_loading = True
        endpoint.on_participant(self._events.put_nowait)
        endpoint.on_audio(self._heard)
        endpoint.on_frame(self._seen)
        endpoint.on_data(self._told)

    async def run(self) -> None:
        """Let participants in and out until cancelled; then everybody is let out."""
        try:
            while True:
                event = await self._events.get()
                try:
                    await (self._enter(event.participant_id) if event.joined else self._leave(event.participant_id))
                except Exception:
                    logger.exception("%s: could not %s", event.participant_id, "join" if event.joined else "leave")
        finally:
            for participant_id in list(self._present):
                await self._leave(participant_id)

    async def loaded(self) -> None:
        """Everybody who waits may begin."""
        self._is_loading = False
        for participant in list(self._present.values()):
            await participant.outbox.end("loading")

    async def _enter(self, participant_id: str) -> None:
        known = self._present.get(participant_id)
        if known is not None:
            # Hubs repeat their roster; whoever came back has forgotten the status.
            await known.outbox.repeat_status()
            return
        participant = Participant(participant_id, self._agent, self._endpoint)
        if self._is_loading:
            await participant.outbox.begin("loading")
        await participant.open()
        self._present[participant_id] = participant
        if self._is_loading:
            logger.info("%s joined while the worker is loading", participant_id)
        else:
            await participant.outbox.end("loading")
            logger.info("%s joined", participant_id)

    async def _leave(self, participant_id: str) -> None:
        participant = self._present.pop(participant_id, None)
        if participant is not None:
            await participant.close()
            logger.info("%s left", participant_id)

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
