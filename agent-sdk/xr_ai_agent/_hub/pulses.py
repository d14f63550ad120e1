"""How far behind each agent is: the hub sends the time once a second, and an agent repeats it when it comes to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xr_ai_agent._wire.messages import AgentPulse

TICK_PERIOD_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """What an agent last said, in seconds of the hub's own clock."""

    lag_s: float
    """How long it takes the agent to come to what the hub sends, or for how long it has not come to it."""
    heard_s_ago: float
    video: int
    """To how many participants' video it listens; then sound and data."""
    audio: int
    data: int


class Pulses:
    """The newest pulse of each agent that is here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: dict[str, tuple[float, AgentPulse]] = {}
        self._first_us = self._last_us = 0

    def tick(self) -> int:
        """Return the time to send: µs of a clock that is nobody's but ours."""
        self._last_us = int(self._clock() * 1_000_000)
        self._first_us = self._first_us or self._last_us
        return self._last_us

    def take(self, pulse: AgentPulse) -> bool:
        """Take what an agent said; returns whether it repeats a time that was sent."""
        is_ours = self._first_us <= pulse.tick_us <= self._last_us
        if is_ours:
            self._heard[pulse.agent_id] = (self._clock(), pulse)
        return is_ours

    def of(self, agent_id: str) -> Pulse | None:
        """Return how an agent is, None if it never said so."""
        found = self._heard.get(agent_id)
        if found is None:
            return None
        heard_at, pulse = found
        tick_at, now = pulse.tick_us / 1_000_000, self._clock()
        # The next time is sent a period after this one; since then the agent owes an answer.
        overdue = now - tick_at - TICK_PERIOD_S if pulse.tick_us < self._last_us else 0.0
        return Pulse(max(heard_at - tick_at, overdue), now - heard_at, pulse.video, pulse.audio, pulse.data)

    def drop_agent(self, agent_id: str) -> None:
        """Forget an agent that is gone."""
        self._heard.pop(agent_id, None)
