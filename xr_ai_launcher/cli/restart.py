"""``xrstack restart``: stops roles of a running stack by their own rules and starts them again."""

import os
from pathlib import Path
from typing import Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("restart",)


@verb
def restart(
    roles: Annotated[list[str], typer.Argument(metavar="ROLE", help="Roles to restart, one after the other.")],
    stack: options.RunningStackOption = None,
) -> int:
    """Restart roles of a running stack; returns when they are ready again. The others run on."""
    from xr_ai_launcher._control.client import Control
    from xr_ai_launcher._control.runs import find_runs, the_stack, with_role
    from xr_ai_launcher._run.words import seconds

    running = the_stack(find_runs(os.environ).running, stack)
    chosen = [(with_role(running, name), name) for name in roles]
    for run, name in chosen:
        with Control(Path(run.runtime)) as control:
            role = control.restart(name)
        took = f" after {seconds(role.ready_after_s)}" if role.ready_after_s else ""
        _output.success(f"{name} is ready again{took} (process {role.pid})")
    return ExitCode.OK
