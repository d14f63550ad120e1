"""Where words go: people read stderr, programs read stdout; colour only where a person looks."""

import os
import sys

import typer

__all__ = ("data", "error", "note", "painted", "success")


def note(text: str) -> None:
    """Tell a person something."""
    typer.echo(text, err=True)


def success(text: str) -> None:
    """Tell a person that something is as it should be."""
    note(painted(text, typer.colors.GREEN))


def error(text: str) -> None:
    """Tell a person what is wrong."""
    note(painted("error: ", typer.colors.RED) + text)


def data(text: str) -> None:
    """Write what was asked for."""
    typer.echo(text)


def painted(text: str, color: str, *, to_stdout: bool = False) -> str:
    """Return the text in colour if the stream is a terminal and NO_COLOR is not set."""
    stream = sys.stdout if to_stdout else sys.stderr
    return typer.style(text, fg=color) if stream.isatty() and not os.environ.get("NO_COLOR") else text
