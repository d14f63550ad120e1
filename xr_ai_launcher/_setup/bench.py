"""What a step may use while it works: commands that are ended with the setup, and a place to say how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended, and the last lines it printed."""

    code: int
    tail: tuple[str, ...]
    log_path: Path


class Bench(Protocol):
    """The workbench of one step; its methods are called from the step's own thread."""

    environment: Mapping[str, str]
    """What commands inherit, exports of earlier steps included."""

    def run(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> CommandResult:
        """Run a command to its end. Its output goes to the step's log and to the screen."""
        ...

    def say(self, text: str) -> None:
        """Tell the user one thing about the step."""
        ...

    def progress(self, done: int, total: int | None) -> None:
        """Show how many bytes of a download are here."""
        ...
