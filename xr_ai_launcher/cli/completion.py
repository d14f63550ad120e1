"""``xrstack completion``: the script that lets a shell complete xrstack's words."""

from enum import StrEnum
from typing import Annotated

import typer

from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("Shell", "completion")

_PROGRAM = "xrstack"
_COMPLETE_VARIABLE = "_XRSTACK_COMPLETE"  # the script sets it when it asks what could follow


class Shell(StrEnum):
    """Shells that typer writes scripts for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@verb
def completion(shell: Annotated[Shell, typer.Argument(help="The shell to write for.", show_default=False)]) -> int:
    """Write a completion script. For bash: `eval "$(xrstack completion bash)"` in ~/.bashrc."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    _output.data(get_completion_script(prog_name=_PROGRAM, complete_var=_COMPLETE_VARIABLE, shell=shell.value))
    return ExitCode.OK
