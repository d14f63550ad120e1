"""``xrstack ps``: the stacks that run, and how each of their roles is."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from xr_ai_launcher._control.model import RoleStatus, StackStatus
    from xr_ai_launcher._control.runs import Runs

__all__ = ("ps",)

_HEAD = ("ROLE", "STATE", "SINCE", "PID", "PORTS", "CPU", "MEMORY", "GPU", "RESTARTS", "STATUS")
_NUMBERS = frozenset({"SINCE", "PID", "CPU", "MEMORY", "GPU", "RESTARTS"})


@verb
def ps(
    stack: Annotated[
        str | None, typer.Argument(metavar="STACK", help="Name or file of a stack (default: all).")
    ] = None,
    json_: options.JsonOption = False,
) -> int:
    """Show the running stacks of this user and their roles."""
    from xr_ai_launcher._control.figures import with_figures
    from xr_ai_launcher._control.runs import find_runs, the_stack

    runs = find_runs(os.environ)
    wanted = with_figures(runs.running if stack is None else the_stack(runs.running, stack))
    if json_:
        _output.data(json.dumps([run.as_json() for run in wanted], indent=2, ensure_ascii=False))
    else:
        for run in wanted:
            _output.data("\n".join(_lines(run)))
        if not wanted and not runs.silent:
            _output.note("no stack runs")
    _tell_trouble(runs)
    return ExitCode.OK


def _tell_trouble(runs: "Runs") -> None:
    for silent in runs.silent:
        _output.note(str(silent))
    for stale in runs.stale:
        count = len(stale.processes())
        name = stale.name
        _output.note(
            f"{name}: its launcher was killed and {count} of its processes live; xrstack down {name} ends them"
        )


def _lines(run: "StackStatus") -> Iterator[str]:
    from xr_ai_launcher._view.words import age

    profile = f", profile {run.profile}" if run.profile else ""
    kept = f" (keeps {run.persists} for later runs)" if run.persists else ""
    since = age(time.time() - run.started)
    yield f"{run.stack}{kept}: {run.state} for {since}{profile}, process {run.launcher_pid}, {run.source}"
    yield from _table([_HEAD, *map(_row, run.roles)])
    yield ""


def _row(role: "RoleStatus") -> tuple[str, ...]:
    from xr_ai_launcher._view.words import age, memory, percent, state_word

    ports = " ".join(map(str, (role.ports or {}).values()))
    state = state_word(role) + (f" ({role.exit})" if role.state == "ended" and role.exit is not None else "")
    since = age(time.time() - role.since) if role.since else ""
    figures = (percent(role.cpu_percent), memory(role.memory_bytes), memory(role.gpu_memory_bytes))
    restarts = str(role.restarts) if role.restarts else ""
    pid = str(role.pid) if role.pid else ""
    return (role.name, state, since, pid, ports, *figures, restarts, role.status_text or role.reason)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield aligned lines without the columns in which nothing stands."""
    filled = [index for index, name in enumerate(rows[0]) if any(row[index] for row in rows[1:])]
    widths = {index: max(len(row[index]) for row in rows) for index in filled}
    for row in rows:
        cells = (
            row[index].rjust(widths[index]) if rows[0][index] in _NUMBERS else row[index].ljust(widths[index])
            for index in filled
        )
        yield "  " + "  ".join(cells).rstrip()
