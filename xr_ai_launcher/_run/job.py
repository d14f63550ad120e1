"""What is to be run, and where its words go."""

from __future__ import annotations

from xr_ai_launcher._dataclasses import dataclass, field

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from xr_ai_launcher._run.keeping import Keeper
    from xr_ai_launcher._run.views import Wishes
    from xr_ai_launcher._stack.plan import StackPlan


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one stack; ``original`` is the plan before setup steps and the run's folder had a part in it."""

    plan: StackPlan
    original: StackPlan
    environment: Mapping[str, str]
    stdout: int
    stderr: int
    wishes: Wishes
    launcher_pid: int
    """The process that the user knows."""
    keepers: Mapping[str, Keeper] = field(default_factory=dict)
