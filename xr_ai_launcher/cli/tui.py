"""``xrstack tui``: a full-screen view of a running stack."""

import os
from typing import Annotated

import typer

from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("tui",)


@verb
def tui(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="STACK", help="Name or file of a running stack (default: ./stack.yaml, or the only one)."
        ),
    ] = None,
) -> int:
    """Show a running stack full-screen: its roles, their logs, restart and stop. The stack runs on afterwards."""
    from xr_ai_launcher._view.tui.needs import require_tui

    require_tui(os.environ)
    from xr_ai_launcher._view.tui.show import attach

    attach(stack, os.environ)
    return ExitCode.OK
