"""Why a run ends, in words: each says which role, what happened, and what repairs it."""

from __future__ import annotations

import signal

from xr_ai_launcher._dataclasses import replace
from xr_ai_launcher._run.errors import SpawnError
from xr_ai_launcher._run.log_file import tail_of
from xr_ai_launcher._run.report import Ending
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.words import SIGNAL_EXIT_BASE, counted, exit_words, seconds, shell_code
from xr_ai_launcher._stack.plan import NotifyProbe

EXIT_NOT_READY = 4
EXIT_PREREQUISITE = 5
_TAIL_LINES = 15


def unstartable(role: Role, reason: SpawnError | str) -> Ending:
    """Its program could not be started."""
    hints = " ".join(needed.hint for needed in role.plan.requires if needed.hint)
    return Ending(EXIT_PREREQUISITE, f"{role.name} cannot be started: {reason}", hint=hints)


def absent(role: Role, reason: str) -> Ending:
    """It should run already and does not."""
    return Ending(
        EXIT_PREREQUISITE,
        f"{role.name} is to be reused, but does not run: {reason}",
        hint=f"start it with: cd {role.plan.cwd} && {' '.join(role.plan.argv)}",
    )


def not_ready(role: Role) -> Ending:
    """Its time to become ready is over."""
    facts = [f"it says: {role.status}" if role.status else "", role.reason or _nothing_heard(role)]
    sentence = f"{role.name} was not ready within {seconds(role.plan.ready_timeout_s)} (ready_timeout): "
    return _blame(role, EXIT_NOT_READY, sentence + "; ".join(filter(None, facts)))


def failed(role: Role, code: int, lived: str, *, was_ready: bool) -> Ending:
    """It ended, which it should not."""
    when = f"after {lived}" if was_ready else f"after {lived}, before it was ready"
    return _blame(role, _failure_code(code), f"{role.name} ended {when}: {exit_words(code)}")


def silent(role: Role) -> Ending:
    """It owed a sign of life and was ended."""
    pace = seconds(role.plan.watchdog_s or 0.0)
    hint = (
        f"it is to send WATCHDOG=1 to its NOTIFY_SOCKET at least every {pace}, best twice as often; "
        "a longer `watchdog:` gives it more time, `on_exit: restart` a new life"
    )
    if role.watchdog is not None and not role.watchdog.has_heard:
        hint += " (a program behind a wrapper such as `uv run` is not the process that WATCHDOG_PID names)"
    return replace(_blame(role, SIGNAL_EXIT_BASE + signal.SIGABRT, role.silence), hint=hint)


def crash_loop(role: Role, code: int) -> Ending:
    """It ended once more than it may."""
    plan = role.plan.restart
    sentence = (
        f"{role.name} ended {counted(len(role.exits_s), 'time')} within {seconds(plan.window_s)} "
        f"(at most {plan.limit} restarts): {exit_words(code)}"
    )
    return _blame(role, _failure_code(code), sentence)


def gone(role: Role, code: int, text: str) -> Ending:
    """It ended together with its keeper."""
    return _blame(role, code or 1, f"{role.name} (launch: persist): {text}")


def _blame(role: Role, exit_code: int, sentence: str) -> Ending:
    path = "" if role.kept is None else role.kept.log_path
    if role.relay is not None:
        role.relay.drain()
        path = role.relay.log_path
    if not path:
        return Ending(exit_code, sentence)
    return Ending(exit_code, sentence, tail=tuple(tail_of(path, _TAIL_LINES)), log_path=path)


def _failure_code(code: int) -> int:
    """A role that ends without being asked has failed, also when it says 0."""
    return shell_code(code) or 1


def _nothing_heard(role: Role) -> str:
    return "it never said READY=1" if isinstance(role.plan.ready, NotifyProbe) else "nothing is known about it"
