"""What is remembered of one participant: the last turns, and what they changed."""

from collections import deque
from dataclasses import dataclass, field

from xr_render_demo_worker.history import History

__all__ = ("Memory", "Turn")

_MAX_TURNS = 4


@dataclass(frozen=True)
class Turn:
    """A request and what was answered."""

    request: str
    reply: str


@dataclass
class Memory:
    """Bounded in every direction, so that a day of talking costs no more than an hour."""

    turns: deque[Turn] = field(default_factory=lambda: deque(maxlen=_MAX_TURNS))
    history: History = field(default_factory=History)

    def remember(self, request: str, reply: str) -> None:
        """Append a finished (or interrupted) turn."""
        self.turns.append(Turn(request, reply))
