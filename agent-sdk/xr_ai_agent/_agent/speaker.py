"""Speaking to participants, and stopping: a stop overtakes the speech that is still on its way."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from xr_ai_agent._agent.link import AgentLink
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import AudioChunk, MsgType, ReturnAudioFlush, Speech, SpeechFlush


class Speaker:
    """Numbers utterances, so that the hub knows which speech a stop was meant for; as v0.1 to a hub of v0.1."""

    def __init__(self, agent_id: str, link: AgentLink, push: Callable[[MsgType, Any, str], Awaitable[bool]]) -> None:
        """``push(type, message, what)`` sends in order, waiting for room."""
        self._agent_id = agent_id
        self._link = link
        self._push = push
        self._utterances: Counter[str] = Counter()

    async def speak(self, chunk: AudioChunk) -> bool:
        """Send sound; returns whether the hub took it in time."""
        if not self._link.control.is_open:
            return await self._push(MsgType.RETURN_AUDIO, chunk, "return audio")
        speech = Speech.of(chunk, self._agent_id, self._utterances[chunk.participant_id])
        return await self._push(MsgType.SPEECH, speech, "return audio")

    async def stop(self, participant_id: str) -> bool:
        """Silence what was sent so far; returns whether the hub will hear of it."""
        if not self._link.control.is_open:
            return await self._push(MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush(participant_id), "flush")
        self._utterances[participant_id] += 1
        flush = SpeechFlush(self._agent_id, self._utterances[participant_id], participant_id)
        return self._link.control.send_now(encode(MsgType.SPEECH_FLUSH, flush))
