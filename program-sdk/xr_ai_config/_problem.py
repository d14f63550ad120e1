"""What is wrong with a configuration: one problem, and the error that carries all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from xr_ai_config._source import Mark


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what, where, what was expected and found, and what repairs it.

    ``shows_line``: whether the line it is about may be shown; a secret may be written there.
    """

    message: str
    mark: Mark | None = None
    key_path: str = ""
    expected: str = ""
    found: str = ""
    hint: str = ""
    shows_line: bool = True

    @property
    def where(self) -> str:
        """``file:line:column``, or "" when the problem is not in a text."""
        return str(self.mark) if self.mark is not None else ""

    def __str__(self) -> str:
        facts = [
            self.message,
            ", ".join(f"{word} {text}" for word, text in (("expected", self.expected), ("found", self.found)) if text),
            self.hint,
        ]
        head = ": ".join(part for part in (self.where, self.key_path, "; ".join(filter(None, facts))) if part)
        snippet = self.mark.snippet() if self.mark is not None and self.shows_line else ""
        return f"{head}\n{snippet}" if snippet else head

    def as_json(self) -> dict[str, Any]:
        """Return the problem as plain data for programs."""
        mark = self.mark
        return {
            "file": mark.source.name if mark else None,
            "line": mark.line if mark else None,
            "column": mark.column if mark else None,
            "key": self.key_path,
            "message": self.message,
            "expected": self.expected or None,
            "found": self.found or None,
            "hint": self.hint or None,
        }


class ConfigError(Exception):
    """A configuration cannot be used; ``problems`` holds everything that is wrong with it, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=_reading_order))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _reading_order(problem: Problem) -> tuple[str, int, int, str]:
    mark = problem.mark
    return (mark.source.name, mark.line, mark.column, problem.key_path) if mark else ("", 0, 0, problem.key_path)
