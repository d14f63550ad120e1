"""Shows how far downloads are: a bar each on a terminal, a line now and then elsewhere."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import TaskID

_PLAIN_INTERVAL_S = 5.0
_MIB = 1 << 20


class ProgressView(Protocol):
    """Where steps say what they do; called from many threads."""

    def say(self, step: str, text: str) -> None:
        """Show one line."""
        ...

    def update(self, step: str, done: int, total: int | None) -> None:
        """Show how many bytes are here."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


def make_progress(stderr: int, environment: Mapping[str, str]) -> ProgressView:
    """Return bars for a terminal, lines for anything else."""
    if os.isatty(stderr) and environment.get("TERM") != "dumb":
        return _Bars(colored=not environment.get("NO_COLOR"))
    return PlainProgress(lambda line: os.write(stderr, line.encode(errors="replace")))


class PlainProgress:
    """A line per event, and one every few seconds while something is downloaded."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._shown_s: dict[str, float] = {}

    def say(self, step: str, text: str) -> None:
        with self._lock:
            self._write("".join(f"setup {step}: {line}\n" for line in text.splitlines()))

    def update(self, step: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._shown_s.setdefault(step, now) >= _PLAIN_INTERVAL_S:
            self._shown_s[step] = now
            share = f" of {total / _MIB:.1f} MiB, {100 * done // max(total, 1)} %" if total else " MiB"
            self.say(step, f"{done / _MIB:.1f}{share}")

    def close(self) -> None:
        pass


class _Bars:
    """rich's progress bars; loaded only when there is something to show."""

    def __init__(self, *, colored: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress: Progress = Progress(
            TextColumn("setup {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=not colored, highlight=False),
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        self._progress.start()

    def say(self, step: str, text: str) -> None:
        for line in text.splitlines():
            self._progress.console.print(f"setup {step}: {line}", markup=False, soft_wrap=True)

    def update(self, step: str, done: int, total: int | None) -> None:
        with self._lock:
            if step not in self._tasks:
                self._tasks[step] = self._progress.add_task(step, total=total)
            self._progress.update(self._tasks[step], completed=done, total=total)

    def close(self) -> None:
        self._progress.stop()
