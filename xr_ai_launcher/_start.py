"""From a stack file to running roles by the shortest way: a stored plan if it still holds, all checks otherwise.

Nothing here, and nothing it imports, loads what reads and checks stack files unless that has to be done.
"""

from __future__ import annotations

import os
from pathlib import Path

from xr_ai_launcher._stack.free_ports import are_ports_free
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import StackPlan, bind, setup_names
from xr_ai_launcher._stack.stored import recall

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._run import Wishes

__all__ = ("prepare", "start", "startable_plan")


def startable_plan(path: Path, options: StackOptions) -> StackPlan:
    """Return a plan that can be started now, ports included.

    Raises:
        StackError: anything is wrong with the file or the options, or a port is taken.
        MissingPrerequisiteError: a program is not installed.
    """
    plan = recall(path, options)
    if plan is not None and are_ports_free(plan):
        return plan
    from xr_ai_launcher._api import read_stack, remember, require_startable

    loaded = read_stack(path, options)
    require_startable(loaded)
    remember(loaded, path, options)
    return loaded.plan


def prepare(plan: StackPlan) -> dict[str, str]:
    """Take the plan's setup steps and return the environment variables that they export."""
    if not plan.enabled_setup:
        return {}
    from xr_ai_launcher import _setup

    return _setup.prepare(plan)


def start(plan: StackPlan, wishes: Wishes | None = None) -> int:
    """Prepare and run a plan that was checked; return the exit code."""
    from xr_ai_launcher import _run

    exports = prepare(plan)
    return _run.run(bind(plan, setup_names(plan, exports)), environment={**os.environ, **exports}, wishes=wishes)
