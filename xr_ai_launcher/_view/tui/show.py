"""Shows a stack full-screen: one that runs already, or one that is started for it and ends with it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.runs import find_runs, the_stack
from xr_ai_launcher._run import Wishes, run
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
_BUG_EXIT_CODE = 3


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
            _become_launcher(us, plan, original, environment, wishes, words)
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


def _become_launcher(
    parent: int,
    plan: StackPlan,
    original: StackPlan,
    environment: Mapping[str, str],
    wishes: Wishes,
    words: IO[bytes],
) -> NoReturn:
    """The rest of the launcher's life, in a session without this terminal; whatever ends the view ends it."""
    code = _BUG_EXIT_CODE
    try:
        os.setsid()
        end_with_parent(parent, signal.SIGTERM)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd, target in ((nothing, 0), (nothing, 1), (words.fileno(), 2)):
            os.dup2(fd, target)
        quiet = Wishes(is_plain=True, metrics_port=wishes.metrics_port)
        code = run(plan, environment=environment, wishes=quiet, original=original)
    except Exception as error:
        # The border of a process: whoever waits has to hear of it in words.
        write_all(2, f"{error}\n".encode(errors="replace"))
    finally:
        os._exit(code)


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
