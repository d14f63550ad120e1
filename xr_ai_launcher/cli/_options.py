"""Arguments and options that several verbs share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xr_ai_launcher._stack.load import StackOptions

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

_STACK_HELP = "Stack file, or its name in ./stacks (default: ./stack.yaml)."
StackArgument = Annotated[str | None, typer.Argument(metavar="[STACK]", help=_STACK_HELP, show_default=False)]
StacksArgument = Annotated[list[str] | None, typer.Argument(metavar="[STACK]...", help=_STACK_HELP, show_default=False)]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", "-p", metavar="NAME", help="Use this profile; the hardware does not choose."),
]
OverlayOption = Annotated[
    list[Path] | None, typer.Option("--file", "-f", metavar="FILE", help="Lay another stack file over it; repeatable.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one value; repeatable.")
]
OnlyOption = Annotated[
    list[str] | None, typer.Option("--only", metavar="ROLE[,ROLE]", help="Start these roles only; repeatable.")
]
WithoutOption = Annotated[
    list[str] | None, typer.Option("--without", metavar="ROLE[,ROLE]", help="Leave these roles out; repeatable.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]

_DEFAULT_STACK = Path("stack.yaml")
_STACKS_FOLDER = Path("stacks")


def find_stack(argument: str | None) -> Path:
    """Return the stack file that the argument means.

    Raises:
        StackError: no argument, and no file of the usual name.
    """
    if argument is not None:
        path, named = Path(argument), _STACKS_FOLDER / f"{argument}.yaml"
        return named if not path.exists() and named.is_file() else path
    if _DEFAULT_STACK.is_file():
        return _DEFAULT_STACK
    from xr_ai_config import Problem
    from xr_ai_launcher._errors import StackError

    present = sorted(str(path) for path in _STACKS_FOLDER.glob("*.yaml"))
    hint = f"name one of {', '.join(present)}" if present else "name a stack file"
    raise StackError([Problem(f"no {_DEFAULT_STACK} in this folder", hint=hint)])


def stack_options(
    profile: str | None,
    overlays: list[Path] | None,
    assignments: list[str] | None,
    only: list[str] | None = None,
    without: list[str] | None = None,
) -> "StackOptions":
    """Return the options as the loader takes them; names may be given one by one or separated by commas."""
    from xr_ai_launcher._stack.load import StackOptions

    return StackOptions(profile, overlays or (), assignments or (), _names(only), _names(without))


def _names(given: list[str] | None) -> list[str]:
    return [name.strip() for part in given or () for name in part.split(",") if name.strip()]
