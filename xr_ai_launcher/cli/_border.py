"""The border of the command line: what a verb returns, or how it fails, becomes the exit code of the command."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import typer

from xr_ai_launcher.cli._outcome import exit_code

__all__ = ("verb",)

P = ParamSpec("P")


def verb(function: Callable[P, int]) -> Callable[P, None]:
    """Make a function that returns an exit code a command that exits with it."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(exit_code(lambda: function(*args, **kwargs)))

    return command
