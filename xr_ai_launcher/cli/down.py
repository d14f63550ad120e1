"""``xrstack down``: asks a running stack to stop and waits until nothing of it is left."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xr_ai_launcher._control.model import StackStatus

__all__ = ("down",)

_SWEEP_GRACE_S = 5.0


@verb
def down(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="STACK", help="Name or file of a stack (default: that of ./stack.yaml, or the only one)."
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Stop every stack of this user.")] = False,
) -> int:
    """Stop a running stack, the roles it keeps for later runs included. Fine when it does not run."""
    from xr_ai_launcher._control.errors import NoSuchRunError
    from xr_ai_launcher._control.runs import find_runs, silent_of, stale_of, the_stack

    runs = find_runs(os.environ)
    remains = stale_of(runs.stale, None if all_ else stack)
    try:
        wanted = list(runs.running) if all_ else the_stack(runs.running, stack)
    except NoSuchRunError as error:
        if runs.running and stack is None:
            raise  # several: which one is not for us to choose
        wanted = []
        if not remains and not runs.silent:
            _output.note(str(error))
    _stop(wanted)
    unheard = [] if wanted and not all_ else silent_of(runs.silent, None if all_ else stack)
    for silent in unheard:
        _output.note(str(silent))
    for left in remains:
        count = left.sweep(_SWEEP_GRACE_S)
        _output.note(f"{left.name}: {count} processes of a killed launcher were ended")
    return 1 if unheard else ExitCode.OK


def _stop(runs: "Sequence[StackStatus]") -> None:
    """Ask all first: they stop at the same time. Those that keep a role come last, since others use it."""
    from xr_ai_launcher._control.ending import Ender

    for keepers in (False, True):
        enders = [Ender(run) for run in runs if bool(run.persists) is keepers]
        for ender in enders:
            ender.wait()
            run = ender.run
            _output.success(f"{run.stack}: {run.persists} is stopped" if run.persists else f"{run.stack} is stopped")
