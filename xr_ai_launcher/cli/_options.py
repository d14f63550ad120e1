"""Arguments and options that several verbs share."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher.cli._request import OPTIONS, Request, stack_file

__all__ = (
    "JsonOption",
    "OnlyOption",
    "OverlayOption",
    "ProfileOption",
    "RunningStackOption",
    "SetOption",
    "StackArgument",
    "StacksArgument",
    "WithoutOption",
    "find_stack",
    "stack_options",
)


def _shared_option(key: str) -> Any:
    option = OPTIONS[key]
    return typer.Option(*option.names, metavar=option.metavar, help=option.help)


def _stacks_here(incomplete: str) -> list[str]:
    """Complete a stack's file or name."""
    folder = Path(os.path.dirname(incomplete))
    files = [str(path) for path in folder.glob("*.yaml")] if folder.is_dir() else []
    names = [path.stem for path in Path("stacks").glob("*.yaml")]
    return sorted(each for each in (*files, *names) if each.startswith(incomplete))


_STACK_HELP = "Stack file, or its name in ./stacks (default: ./stack.yaml)."
StackArgument = Annotated[
    str | None,
    typer.Argument(metavar="STACK", help=_STACK_HELP, show_default=False, autocompletion=_stacks_here),
]
StacksArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="STACK", help=_STACK_HELP, show_default=False, autocompletion=_stacks_here),
]
ProfileOption = Annotated[str | None, _shared_option("profile")]
OverlayOption = Annotated[list[str] | None, _shared_option("file")]
SetOption = Annotated[list[str] | None, _shared_option("set_")]
OnlyOption = Annotated[list[str] | None, _shared_option("only")]
WithoutOption = Annotated[list[str] | None, _shared_option("without")]
RunningStackOption = Annotated[
    str | None,
    typer.Option("--stack", "-s", metavar="STACK", help="Name or file (default: ./stack.yaml, or the only one)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def find_stack(argument: str | None) -> Path:
    """Return the stack file that the argument means.

    Raises:
        StackError: no argument, and no file of the usual name.
    """
    return Path(stack_file(argument))


def stack_options(
    profile: str | None,
    overlays: list[str] | None,
    assignments: list[str] | None,
    only: list[str] | None = None,
    without: list[str] | None = None,
) -> StackOptions:
    """Return the options as the loader takes them."""
    lists = (tuple(each or ()) for each in (overlays, assignments, only, without))
    return Request((), profile, *lists).options()
