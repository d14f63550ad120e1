"""One role while the stack runs: what is known about it."""

from __future__ import annotations

import enum
from collections import deque
from time import monotonic

from xr_ai_launcher._dataclasses import dataclass, field

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._run.kept import KeptRole
    from xr_ai_launcher._run.loop import Timer
    from xr_ai_launcher._run.members import RoleMark
    from xr_ai_launcher._run.readiness import Watch
    from xr_ai_launcher._run.readiness.notify import NotifySocket
    from xr_ai_launcher._run.relay import Relay
    from xr_ai_launcher._run.watchdog import Watchdog
    from xr_ai_launcher._stack.plan import RolePlan


class State(enum.Enum):
    """Where a role is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    """Asked to end, to be started again."""
    PAUSED = "paused"
    """Ended, and to be started again after a pause."""
    ENDED = "ended"


@dataclass(slots=True)
class Role:
    """The plan of a role and its present state. Times are of the monotonic clock, in seconds."""

    plan: RolePlan
    relay: Relay | None
    """None for a role that somebody else runs."""
    state: State = State.WAITING
    mark: RoleMark | None = None
    """Of the newest start; its leader may have ended."""
    is_alive: bool = False
    """Whether the leader runs."""
    started_s: float = 0.0
    ready_s: float = 0.0
    since_s: float = 0.0
    """When it came into its state."""
    is_restarting: bool = False
    """From the request to restart it until it runs again: an exit in between is no failure."""
    exit_code: int | None = None
    """Of the last exit: the status, or minus the signal."""
    reason: str = ""
    """Why it is not ready yet."""
    status: str = ""
    """What it says of itself."""
    watch: Watch | None = None
    watchdog: Watchdog | None = None
    silence: str = ""
    """The sentence on its missing sign of life, from then to its next life."""
    notify: NotifySocket | None = None
    kept: KeptRole | None = None
    """Where it is run by a keeper (``launch: persist``)."""
    deadline: Timer | None = None
    restart_timer: Timer | None = None
    restarts: int = 0
    exits_s: deque[float] = field(default_factory=deque)
    """When it ended, within the window of its restart limit."""

    @property
    def name(self) -> str:
        """The name in the stack file."""
        return self.plan.name

    @property
    def pid(self) -> int | None:
        """The process that was started, while it runs."""
        if self.kept is not None:
            return self.kept.pid
        return self.mark.leader if self.mark is not None and self.is_alive else None

    @property
    def has_settled(self) -> bool:
        """Whether nothing more is to be waited for: it is ready, or has done its work."""
        return self.state is State.READY or (self.state is State.ENDED and self.plan.on_exit == "ignore")

    def enter(self, state: State) -> None:
        """Come into a state now."""
        self.state, self.since_s = state, monotonic()

    def begin_life(self) -> None:
        """Be on the way again, with nothing known of an earlier life."""
        self.enter(State.STARTING)
        self.started_s, self.is_restarting = self.since_s, False
        self.reason = self.status = self.silence = ""

    def pause_after_exit(self) -> float | None:
        """Count an exit of a role that is to come back; return the pause before that, None when it may not any more."""
        plan, now = self.plan.restart, monotonic()
        self.exits_s.append(now)
        while now - self.exits_s[0] > plan.window_s:
            self.exits_s.popleft()
        if len(self.exits_s) > plan.limit:
            return None
        return min(plan.backoff_s * 2.0 ** (len(self.exits_s) - 1), plan.backoff_max_s)

    def forget_watches(self) -> None:
        """Stop waiting for readiness and for signs of life."""
        if self.watchdog is not None:
            self.watchdog.cancel()
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
