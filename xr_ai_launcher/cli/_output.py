"""Where words go: people read stderr, programs read stdout; colour only where a person looks."""

import os
import sys

__all__ = ("GREEN", "RED", "data", "error", "note", "painted", "success")

RED, GREEN = 31, 32
"""Colours, as ANSI terminals number them."""


def note(text: str) -> None:
    """Tell a person something."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # the one place that prints


def success(text: str) -> None:
    """Tell a person that something is as it should be."""
    note(painted(text, GREEN))


def error(text: str) -> None:
    """Tell a person what is wrong."""
    note(painted("error: ", RED) + text)


def data(text: str) -> None:
    """Write what was asked for."""
    print(text, flush=True)  # noqa: T201


def painted(text: str, color: int, *, to_stdout: bool = False) -> str:
    """Return the text in colour if the stream is a terminal and NO_COLOR is not set."""
    stream = sys.stdout if to_stdout else sys.stderr
    return f"\x1b[{color}m{text}\x1b[0m" if stream.isatty() and not os.environ.get("NO_COLOR") else text
