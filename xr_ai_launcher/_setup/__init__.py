"""Prepares what a stack needs before its roles start: programs found or fetched, things built when out of date."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from xr_ai_launcher._setup.errors import SetupError, SourceUnavailable
from xr_ai_launcher._stack.plan import SetupPlan, StackPlan

__all__ = ["SetupError", "SourceUnavailable", "prepare"]


def prepare(plan: StackPlan, *, environment: Mapping[str, str] | None = None, stderr: int = 2) -> dict[str, str]:
    """Take the plan's setup steps and return the environment variables that they export.

    Steps that are up to date cost a look; the others run concurrently in a process of their own, see `_run.guard`.

    Raises:
        SetupError: a step failed or needs a program that is not installed.
        KeyboardInterrupt: Ctrl-C; SystemExit with 128 + signal for any other signal. Nothing is left half made.
    """
    steps = plan.enabled_setup
    if not steps:
        return {}
    from xr_ai_launcher._run.rundir import state_root  # late: packages with further kinds of step run nothing
    from xr_ai_launcher._setup.steps import current_result

    surroundings = os.environ if environment is None else environment
    state = Path(state_root(surroundings))
    exports: dict[str, str] = {}
    outdated = []
    for step in steps:
        is_current, path = current_result(step, surroundings, state)
        if not is_current:
            outdated.append(step)
        elif step.export and path is not None:
            exports[step.export] = str(path)
    if outdated:
        exports |= _work(outdated, {**surroundings, **exports}, state, stderr)
    return exports


def _work(steps: list[SetupPlan], environment: Mapping[str, str], state: Path, stderr: int) -> dict[str, str]:
    from xr_ai_launcher._run.guard import run_guarded
    from xr_ai_launcher._run.words import SIGNAL_EXIT_BASE, exit_words

    answer_read, answer_write = os.pipe()

    def work(lifeline: int) -> int:
        from xr_ai_launcher._run.escapes import calm
        from xr_ai_launcher._run.screen import Screen, color_for
        from xr_ai_launcher._setup.progress import make_progress
        from xr_ai_launcher._setup.worker import SetupWorker

        screen = Screen(stderr, stderr)
        progress = make_progress(screen, stderr, environment, {step.name: step.needs for step in steps})
        calming = partial(calm, keep_colors=color_for(stderr, environment)) if os.isatty(stderr) else None
        worker = SetupWorker(
            steps, environment=environment, state=state, progress=progress, screen=screen, calm=calming
        )
        code = worker.run(lifeline)
        screen.close()
        os.write(answer_write, json.dumps({"exports": worker.exports, "error": worker.error}).encode())
        return code

    try:
        code = run_guarded(work, title="stack-setup")
        os.close(answer_write)
        with os.fdopen(os.dup(answer_read), "rb") as file:
            answer = json.loads(file.read() or b"{}")
    finally:
        os.close(answer_read)
    if code == 0:
        return dict(answer["exports"])
    if code > SIGNAL_EXIT_BASE:
        _pass_on(code)
    raise SetupError(answer.get("error") or f"the setup process ended: {exit_words(code)}")


def _pass_on(code: int) -> None:
    """Behave as if the signal that ended the work had come to the caller, which it did."""
    if code == 130:
        raise KeyboardInterrupt
    raise SystemExit(code)
