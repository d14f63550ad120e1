"""Shows how far setup steps are: a bar each on a terminal, a line now and then elsewhere."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from xr_ai_launcher._run.screen import Screen

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

    def began(self, step: str) -> None:
        """The step is being taken now."""
        ...

    def ended(self, step: str) -> None:
        """The step has been taken."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


def make_progress(
    screen: "Screen", stderr: int, environment: Mapping[str, str], steps: Mapping[str, Sequence[str]]
) -> ProgressView:
    """Return bars for a terminal, lines for anything else. ``steps`` has the steps that each step waits for."""
    from xr_ai_launcher._view.terminal import can_draw

    if not can_draw(stderr, environment):
        return PlainProgress(lambda line: screen.write_note(line.encode(errors="replace")))
    from xr_ai_launcher._view.setup_rows import SetupRows

    return SetupRows(screen, stderr, steps, colored=not environment.get("NO_COLOR"))


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

    def began(self, step: str) -> None:
        pass

    def ended(self, step: str) -> None:
        pass

    def close(self) -> None:
        pass
