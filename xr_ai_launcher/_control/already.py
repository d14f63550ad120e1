"""Refuses a second run of a stack that runs already, in one sentence rather than by a list of busy ports."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from xr_ai_launcher._control.errors import AlreadyRunningError
from xr_ai_launcher._control.runs import find_runs, silent_of
from xr_ai_launcher._run.steering import plan_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xr_ai_launcher._control.model import StackStatus
    from xr_ai_launcher._stack.plan import StackPlan

__all__ = ("refuse_second_run",)


def refuse_second_run(plan: StackPlan, environment: Mapping[str, str]) -> None:
    """Look for a run of the same file with the same plan, or one that has a port of this plan.

    The same file may run twice when it is told to use other ports.

    Raises:
        AlreadyRunningError: there is one; the message says which, since when and what to type.
    """
    runs = find_runs(environment)
    for silent in silent_of(runs.silent, plan.name):
        raise AlreadyRunningError(f"{plan.name} runs already, as it seems: {silent}")
    for run in runs.running:
        if run.source == plan.source and not run.persists and _is_same(run, plan):
            clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
            raise AlreadyRunningError(
                f"{plan.name} runs already, since {clock} (process {run.launcher_pid}): `xrstack ps` shows it, "
                "`xrstack logs -f` follows it, `xrstack down` stops it"
            )


def _is_same(run: StackStatus, plan: StackPlan) -> bool:
    taken = {port for role in run.roles if role.launch == "own" for port in (role.ports or {}).values()}
    wanted = {port for role in plan.enabled_roles if role.launch == "own" for port in role.ports.values()}
    return bool(taken & wanted) or run.plan_id == plan_id(plan)
