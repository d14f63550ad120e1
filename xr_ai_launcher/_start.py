"""From a stack file to running roles by the shortest way: a stored plan if it still holds, all checks otherwise.

Nothing here, and nothing it imports, loads what reads and checks stack files unless that has to be done.
"""

from __future__ import annotations

import os

from xr_ai_launcher._stack.free_ports import are_ports_free
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import StackPlan, bind, setup_names
from xr_ai_launcher._stack.stored import recall

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from pathlib import Path

    from xr_ai_launcher._run import Wishes

__all__ = ("prepare", "start", "start_detached", "start_shown", "startable_plan")


def startable_plan(path: Path | str, options: StackOptions) -> StackPlan:
    """Return a plan that can be started now, ports included.

    Raises:
        StackError: anything is wrong with the file or the options, or a port is taken.
        MissingPrerequisiteError: a program is not installed.
    """
    plan = recall(path, options)
    if plan is not None and are_ports_free(plan):
        return plan
    from pathlib import Path

    from xr_ai_launcher._api import read_stack, remember, require_startable

    path = Path(path)
    loaded = read_stack(path, options)
    if not loaded.problems:
        _refuse_second_run(loaded.plan)
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

    _refuse_second_run(plan)
    exports = prepare(plan)
    prepared, environment = bind(plan, setup_names(plan, exports)), {**os.environ, **exports}
    return _run.run(prepared, environment=environment, wishes=wishes, original=plan)


def start_detached(plan: StackPlan) -> int | None:
    """Prepare and start a plan that was checked; return None when it is up and runs on, else its exit code."""
    from xr_ai_launcher._detached import run_detached

    _refuse_second_run(plan)
    exports = prepare(plan)
    return run_detached(bind(plan, setup_names(plan, exports)), plan, {**os.environ, **exports})


def start_shown(plan: StackPlan, wishes: Wishes) -> int:
    """Prepare a plan that was checked, run it and show it full-screen; return its exit code."""
    from xr_ai_launcher._view.tui.show import run_shown

    _refuse_second_run(plan)
    exports = prepare(plan)
    return run_shown(bind(plan, setup_names(plan, exports)), plan, {**os.environ, **exports}, wishes)


def _refuse_second_run(plan: StackPlan) -> None:
    from xr_ai_launcher._run.rundir import folder_name, run_dirs

    stem = folder_name(plan.name)
    if any(os.path.basename(folder).rpartition("-")[0] == stem for folder in run_dirs(os.environ)):
        from xr_ai_launcher._control.already import refuse_second_run

        refuse_second_run(plan, os.environ)
