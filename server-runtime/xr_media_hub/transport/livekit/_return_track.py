"""The voice of agents at one participant: published while they are here, again after whatever took it away."""

import asyncio
import logging

from xr_ai_agent import AudioChunk
from xr_media_hub._errors import RoomUnavailable
from xr_media_hub._stats import ParticipantStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit._retry import until_done
from xr_media_hub.transport.livekit._return_voice import ReturnVoice
from xr_media_hub.transport.livekit._room_keeper import ParticipantRoom
from xr_media_hub.transport.livekit._tasks import Tasks

logger = logging.getLogger(__name__)


class ReturnTrack:
    """Publishing is a task of its own: a server that refuses or hangs holds up nothing else."""

    def __init__(self, who: Who, room: ParticipantRoom, counts: ParticipantStats) -> None:
        self._participant_id = who.participant_id
        self._who = who
        self._room = room
        self._counts = counts
        self._voice: ReturnVoice | None = None
        self._tasks = Tasks()
        self._speaking: asyncio.Task[None] | None = None
        self._unpublished = Throttled(logger, logging.ERROR)

    @property
    def queued_s(self) -> float:
        """Seconds of speech that wait to be played."""
        return self._voice.queued_s if self._voice else 0.0

    def start(self) -> None:
        """The participant is here: publish the track, and play once they hear it."""
        self._voice = self._voice or ReturnVoice(self._who, self._counts)
        self.pause()
        self._speaking = self._tasks.spawn(self._speak(self._voice), "return voice")

    def pause(self) -> None:
        """The participant is away; what waits is kept for a moment."""
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None

    async def remove(self) -> None:
        """The participant is gone: forget what waits, and take the track away."""
        self.pause()
        if self._voice is not None:
            self._voice.flush()
        await self._room.unpublish_voice(self._participant_id)

    def play(self, chunk: AudioChunk) -> None:
        """Queue speech; without anybody to hear it, it is dropped and counted."""
        if self._voice is None:
            self._counts.dropped_audio_out += 1
            return
        self._voice.push(chunk)

    def flush(self) -> None:
        """Be silent now."""
        if self._voice is not None:
            self._voice.flush()
            self._counts.flushes += 1

    async def aclose(self) -> None:
        """Free LiveKit's side, once the room is left."""
        self._tasks.cancel()
        if self._voice is not None:
            await self._voice.aclose()

    async def _speak(self, voice: ReturnVoice) -> None:
        await until_done(lambda: self._room.publish_voice(self._participant_id, voice), self._failed)
        await self._room.until_heard(self._participant_id)
        await voice.run()

    def _failed(self, error: RoomUnavailable) -> None:
        self._unpublished.log("%s: %s", self._who, self._who.conceal(error))
