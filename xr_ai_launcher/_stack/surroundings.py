"""All that a plan takes from outside of the command line, and a memory of it: a stored plan holds while that holds.

Every question a stack file asks of this machine goes through `Surroundings`, so none can be forgotten when it matters
whether the answers have changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from xr_ai_launcher._hardware import GpuReport, read_gpus
from xr_ai_launcher._stack.programs import find_program

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path
    from typing import Any

__all__ = ("Fact", "Surroundings", "holds")

Fact = tuple["str | int | None", ...]
"""A kind, the question, and as the last item the answer; plain data."""


class Surroundings(Mapping[str, str]):
    """This machine as a stack file sees it. As a mapping it is the environment."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, read_report: Callable[[], GpuReport] = read_gpus
    ) -> None:
        self._environment = os.environ if environment is None else environment
        self._read_report = read_report
        self._report: GpuReport | None = None
        self._facts: dict[Fact, None] = {}

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Everything that was asked so far, with the answers."""
        return tuple(self._facts)

    # -- the environment

    def __getitem__(self, name: str) -> str:
        self._note("variable", name, self._environment.get(name))
        return self._environment[name]

    def __contains__(self, name: object) -> bool:
        self._note("variable", str(name), self._environment.get(str(name)))
        return name in self._environment

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a stack file asks for variables by name")

    def __len__(self) -> int:
        return len(self._environment)

    def has_variable(self, name: str) -> bool:
        """Whether a variable is set; what it holds is not remembered."""
        is_set = bool(self._environment.get(name))
        self._note("set", name, is_set)
        return is_set

    # -- files, programs, cards

    def note_file(self, path: Path) -> None:
        """Remember that the text of this file matters."""
        self._note("text", str(path), _text(str(path)))

    def exists(self, path: Path, kind: str = "path") -> bool:
        """Whether there is such a ``file``, ``folder``, or either (``path``)."""
        answer = _EXISTS[kind](path)
        self._note("exists", kind, str(path), answer)
        return answer

    def find_program(self, name: str, cwd: str | PathLike[str], path: str | None = None) -> str | None:
        """As `find_program` of `programs`."""
        found = find_program(name, cwd, path)
        self._note("program", name, os.fspath(cwd), path, found)
        return found

    def find_in_project(self, words: Sequence[str], project: Path) -> list[str]:
        """Return the command as it runs in another Python project's environment: its ``.venv``, else through uv."""
        script = project / ".venv" / "bin" / words[0]
        if self.exists(script, "file"):
            return [str(script), *words[1:]]
        uv = self.find_program("uv", project)
        return [uv or "uv", "run", "--quiet", "--project", str(project), *words]

    def report(self) -> GpuReport:
        """Return the graphics cards; they are asked once, and only if somebody wants to know."""
        if self._report is None:
            self._report = self._read_report()
            self._note("cards", repr(self._report))
        return self._report

    def _note(self, *fact: str | int | None) -> None:
        self._facts[fact] = None


_EXISTS: dict[str, Callable[[str | PathLike[str]], bool]] = {
    "file": os.path.isfile,
    "folder": os.path.isdir,
    "path": os.path.exists,
}


def holds(fact: Sequence[Any]) -> bool:
    """Whether the machine still answers as it did."""
    kind, *question, answer = fact
    return bool(_ANSWERS[kind](*question) == answer)


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None


_ANSWERS: dict[str, Callable[..., object]] = {
    "variable": os.environ.get,
    "set": lambda name: bool(os.environ.get(name)),
    "text": _text,
    "exists": lambda kind, path: _EXISTS[kind](path),
    "program": find_program,
    "cards": lambda: repr(read_gpus()),
}
