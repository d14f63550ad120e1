"""Shows a stack full-screen: one that runs already, or one that is started for it and ends with it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.runs import find_runs, the_stack
from xr_ai_launcher._run import Wishes, run
from xr_ai_launcher._run.apart import live_apart
from xr_ai_launcher._run.linux import end_with_parent
from xr_ai_launcher._run.screen import write_all
from xr_ai_launcher._run.words import shell_code
from xr_ai_launcher._view.tui.app import StackApp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xr_ai_launcher._stack.plan import StackPlan

__all__ = ("attach", "run_shown")

# The launcher answers a few milliseconds after its start; until then it is looked for.
_LOOK_AGAIN_MS = 20


def attach(stack: str | None, environment: Mapping[str, str]) -> None:
    """Show a running stack until the user leaves; the stack runs on.

    Raises:
        ControlError: it does not run, or does not answer.
    """
    found = the_stack(find_runs(environment).running, stack)
    chosen = next((each for each in found if not each.persists), found[0])
    with Control(Path(chosen.runtime)) as control:
        StackApp(control).run()


def run_shown(plan: StackPlan, original: StackPlan, environment: Mapping[str, str], wishes: Wishes) -> int:
    """Run a stack and show it; what its launcher said is written to stderr afterwards. Return its exit code."""
    with tempfile.TemporaryFile() as words:
        us = os.getpid()
        launcher = os.fork()
        if launcher == 0:
            live_apart(lambda: _run_quietly(us, plan, original, environment, wishes), words.fileno())
        try:
            control = _wait_for_control(launcher, environment)
            if control is not None:
                with control:
                    StackApp(control, owns_stack=True).run()
        finally:
            code = _end(launcher)
        words.seek(0)
        write_all(2, words.read())
    return code


def _run_quietly(
    parent: int, plan: StackPlan, original: StackPlan, environment: Mapping[str, str], wishes: Wishes
) -> int:
    """What the launcher does: whatever ends the view ends it."""
    end_with_parent(parent, signal.SIGTERM)
    quiet = Wishes(is_plain=True, metrics_port=wishes.metrics_port)
    return run(plan, environment=environment, wishes=quiet, original=original)


def _wait_for_control(launcher: int, environment: Mapping[str, str]) -> Control | None:
    """Return a connection to the launcher, None if it ended before there was one."""
    pidfd = os.pidfd_open(launcher)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        while not poll.poll(_LOOK_AGAIN_MS):
            for found in find_runs(environment).running:
                if found.launcher_pid == launcher:
                    return Control(Path(found.runtime))
        return None
    finally:
        os.close(pidfd)


def _end(launcher: int) -> int:
    """Have the launcher end, if it has not, and return its exit code."""
    with contextlib.suppress(ProcessLookupError):
        if os.waitid(os.P_PID, launcher, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(launcher, signal.SIGTERM)
    return shell_code(os.waitstatus_to_exitcode(os.waitpid(launcher, 0)[1]))
