"""What every watch over a role's readiness may use, and the one thing it must be able to do."""

from collections.abc import Callable, Mapping

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.members import RoleMark
from xr_ai_launcher._run.relay import Relay

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
PAUSE_GROWTH = 1.6


class Watch:
    """Something that waits for readiness; `cancel` ends it at once."""

    def cancel(self) -> None:
        """Stop waiting; no callback comes after this."""


@dataclass(frozen=True, slots=True)
class WatchContext:
    """What a watch may use and whom it tells. All callbacks come in the loop."""

    loop: Loop
    on_ready: Callable[[], None]
    on_reason: Callable[[str], None]
    """Why it is not ready yet."""
    on_absent: Callable[[str], None]
    """Nobody is there to be reused; only without ``mark``."""
    started_ns: int
    """Wall-clock time of the role's start."""
    relay: Relay | None
    """What the role prints; None when the role was not started by us."""
    mark: RoleMark | None
    """Whose processes count; None when the role was not started by us."""
    is_served_by_anyone: bool
    """Whether processes of others may answer on its ports."""
    cwd: str
    env: Mapping[str, str]
