"""Arguments and options that several verbs share."""

from typing import Annotated, Any

import typer

from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher.cli._request import OPTIONS, Request, find_stack

__all__ = (
    "JsonOption",
    "OnlyOption",
    "OverlayOption",
    "ProfileOption",
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


_STACK_HELP = "Stack file, or its name in ./stacks (default: ./stack.yaml)."
StackArgument = Annotated[str | None, typer.Argument(metavar="[STACK]", help=_STACK_HELP, show_default=False)]
StacksArgument = Annotated[list[str] | None, typer.Argument(metavar="[STACK]...", help=_STACK_HELP, show_default=False)]
ProfileOption = Annotated[str | None, _shared_option("profile")]
OverlayOption = Annotated[list[str] | None, _shared_option("file")]
SetOption = Annotated[list[str] | None, _shared_option("set_")]
OnlyOption = Annotated[list[str] | None, _shared_option("only")]
WithoutOption = Annotated[list[str] | None, _shared_option("without")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


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
