"""What `up` and `check` were asked to do, whoever read it from the command line, and the options both readers know."""

from __future__ import annotations

import os

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._stack.options import StackOptions

__all__ = ("OPTIONS", "Option", "Request", "listed_names", "stack_file")

_DEFAULT_STACK = "stack.yaml"
_STACKS_FOLDER = "stacks"


@dataclass(frozen=True, slots=True)
class Option:
    """An option with one value."""

    names: tuple[str, ...]
    metavar: str
    help: str
    is_repeatable: bool = True


OPTIONS = {
    "profile": Option(
        ("--profile", "-p"), "NAME", "Use this profile; the hardware does not choose.", is_repeatable=False
    ),
    "file": Option(("--file", "-f"), "FILE", "Lay another stack file over it; repeatable."),
    "set_": Option(("--set",), "KEY.PATH=VALUE", "Change one value; repeatable."),
    "only": Option(("--only",), "ROLE[,ROLE]", "Start these roles only; repeatable."),
    "without": Option(("--without",), "ROLE[,ROLE]", "Leave these roles out; repeatable."),
}


@dataclass(frozen=True, slots=True)
class Request:
    """The words of one command line, sorted."""

    stacks: tuple[str, ...] = ()
    profile: str | None = None
    file: tuple[str, ...] = ()
    set_: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def options(self) -> StackOptions:
        """Return the options as the loader takes them."""
        overlays = []
        if self.file:
            from pathlib import Path  # late: it takes 8 ms, and a start without overlays needs none

            overlays = [Path(name) for name in self.file]
        return StackOptions(self.profile, overlays, self.set_, listed_names(self.only), listed_names(self.without))


def listed_names(given: tuple[str, ...] | list[str] | None) -> list[str]:
    """Return names that were given one by one or separated by commas."""
    return [name.strip() for part in given or () for name in part.split(",") if name.strip()]


def stack_file(argument: str | None) -> str:
    """Return the stack file that the argument means.

    Raises:
        StackError: no argument, and no file of the usual name.
    """
    if argument is not None:
        named = os.path.join(_STACKS_FOLDER, f"{argument}.yaml")
        return named if not os.path.exists(argument) and os.path.isfile(named) else _as_pathlib_writes(argument)
    if os.path.isfile(_DEFAULT_STACK):
        return _DEFAULT_STACK
    from pathlib import Path

    from xr_ai_config import Problem
    from xr_ai_launcher._errors import StackError

    present = sorted(str(path) for path in Path(_STACKS_FOLDER).glob("*.yaml"))
    hint = f"name one of {', '.join(present)}" if present else "name a stack file, or write one with `xrstack new`"
    raise StackError([Problem(f"no {_DEFAULT_STACK} in this folder", hint=hint)])


def _as_pathlib_writes(path: str) -> str:
    """Return a path without empty parts and single dots, so that a stored plan is found by either way of writing it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ("/" if path.startswith("/") else "") + "/".join(parts) or "."
