"""Measures several hubs in turns, slice by slice, so that whatever else the machine does meets all of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

__all__ = ("Slices", "in_turns", "or_infinite", "progress", "say", "total", "values")

Subject = TypeVar("Subject")
Slices = dict[str, list[dict[str, Any]]]
"""Per subject, one entry of figures per slice."""


def in_turns(
    subjects: Mapping[str, Subject], measure: Callable[[Subject], dict[str, Any]], slices: int, what: str
) -> Slices:
    """Measure every subject ``slices`` times, in an order that turns around each time (A B, B A, A B, …).

    Neighbours in time are at the same index of each list.
    """
    found: Slices = {name: [] for name in subjects}
    names: Sequence[str] = list(subjects)
    for number in range(slices):
        progress(f"{what}: {number + 1} of {slices}")
        for name in names if number % 2 == 0 else names[::-1]:
            found[name].append(measure(subjects[name]))
    return found


def values(slices: Slices, subject: str, key: str) -> list[float]:
    """Return one figure of a subject over the slices; slices without it are left out of every subject's list."""
    complete = [
        index
        for index in range(len(next(iter(slices.values()))))
        if all(isinstance(found[index].get(key), int | float) for found in slices.values())
    ]
    return [float(slices[subject][index][key]) for index in complete] if subject in slices else []


def total(slices: Slices, subject: str, key: str) -> float:
    """Return the sum of a subject's own figure over its slices; infinite if one of them lacks it."""
    return sum(or_infinite(each.get(key)) for each in slices[subject])


def or_infinite(figure: float | None) -> float:
    """Return a time that was measured; infinite where nothing came, which is worse than any time."""
    return math.inf if figure is None else figure


def progress(text: str) -> None:
    """Show on stderr what is being measured: one line that changes on a terminal, else a line each."""
    is_terminal = sys.stderr.isatty()
    sys.stderr.write(f"\r\x1b[K{text}" if is_terminal else f"{text}\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """Print a line of the report."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
