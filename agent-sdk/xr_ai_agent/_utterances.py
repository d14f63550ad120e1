"""Which speech a flush has silenced: the two travel on different sockets and may overtake each other.

From an agent to the hub, and from the hub (as an agent without an id) to a connector in another process.
"""

from collections.abc import Callable
from enum import Enum, auto


class Verdict(Enum):
    """What to do with a chunk."""

    SPEAK = auto()
    LATE = auto()
    """A flush that was sent after it has already been obeyed."""
    FLUSH_FIRST = auto()
    """It was sent after a flush that has not arrived yet."""


class Utterances:
    """Per agent and participant, the number of flushes obeyed."""

    def __init__(self) -> None:
        self._current: dict[tuple[str, str], int] = {}

    def on_speech(self, agent_id: str, participant_id: str, utterance: int) -> Verdict:
        """Judge a chunk."""
        key = (agent_id, participant_id)
        current = self._current.get(key)
        if current == utterance:
            return Verdict.SPEAK
        if current is not None and utterance < current:
            return Verdict.LATE
        self._current[key] = utterance
        return Verdict.SPEAK if current is None else Verdict.FLUSH_FIRST

    def on_flush(self, agent_id: str, participant_id: str, utterance: int) -> bool:
        """Take a flush; returns whether it is to be obeyed now (a later chunk may have announced it)."""
        key = (agent_id, participant_id)
        if self._current.get(key, -1) >= utterance:
            return False
        self._current[key] = utterance
        return True

    def drop_agent(self, agent_id: str) -> None:
        """Forget an agent that is gone."""
        self._drop(lambda key: key[0] == agent_id)

    def drop_participant(self, participant_id: str) -> None:
        """Forget a participant who is gone."""
        self._drop(lambda key: key[1] == participant_id)

    def _drop(self, is_gone: Callable[[tuple[str, str]], bool]) -> None:
        for key in [key for key in self._current if is_gone(key)]:
            del self._current[key]
