"""A terminal that tests can read: what a program writes to a pty is shown on a screen that pyte keeps."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte

__all__ = ("Terminal", "known_to_pyte", "resize")

# Two busy cores and a cold cache; what hangs is reported, not waited for.
DEADLINE_S = 60.0
# What a program wrote is on its way through the kernel for a moment after its end.
_LAST_WORDS_S = 2.0
_LOOK_AGAIN_S = 0.02
_READ_MOST_S = 1.0
_READ_BYTES = 1 << 16


class Terminal:
    """A pty with a program on it, and the screen a person would see."""

    def __init__(self, argv: list[str], *, columns: int, lines: int, env: dict[str, str], cwd: Path) -> None:
        self.received = bytearray()
        self._is_hung_up = False
        self._screen = pyte.HistoryScreen(columns, lines, history=20_000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        self._set_size(columns, lines)
        self.process = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=cwd, preexec_fn=_take_terminal
        )
        os.close(theirs)

    def read(self, timeout_s: float = 0.0) -> None:
        """Take in what was written; of a program that writes faster than its screen is kept, some of it."""
        end = time.monotonic() + _READ_MOST_S
        while select.select([self._ours], [], [], timeout_s)[0]:
            try:
                data = os.read(self._ours, _READ_BYTES)
            except OSError:  # EIO: the last program with this terminal has ended
                self._is_hung_up = True
                return
            if not data:
                return
            self.received += data
            self._stream.feed(known_to_pyte(data))
            if time.monotonic() > end:
                return
            timeout_s = 0.0

    @property
    def rows(self) -> list[str]:
        """The rows of the screen, without blanks at their ends."""
        self.read()
        return [row.rstrip() for row in self._screen.display]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.rows)

    @property
    def scrolled_away(self) -> list[str]:
        """The rows that left the screen at its top."""
        self.read()
        return [
            "".join(row[column].data for column in range(self._screen.columns)).rstrip()
            for row in self._screen.history.top
        ]

    @property
    def is_cursor_hidden(self) -> bool:
        self.read()
        return bool(self._screen.cursor.hidden)

    @property
    def margins(self) -> object:
        """The scroll region, None for the whole screen."""
        self.read()
        return self._screen.margins

    def resize(self, columns: int, lines: int) -> None:
        """As a window manager would: the kernel tells the programs in the foreground."""
        self.read()
        resize(self._screen, columns, lines)
        self._set_size(columns, lines)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def watch(self, duration_s: float) -> None:
        """Do nothing but look for a time, to see what it costs to be looked at."""
        end = time.monotonic() + duration_s
        while (left_s := end - time.monotonic()) > 0:
            self.read(left_s)

    def wait_for(self, look: Callable[[], Any], what: str) -> Any:
        """Return the first true result of ``look``, with the screen kept current."""
        end = time.monotonic() + DEADLINE_S
        while True:
            self.read(_LOOK_AGAIN_S)
            if result := look():
                return result
            assert time.monotonic() < end, f"not within {DEADLINE_S} s: {what}\n{self.text}"

    def wait_for_text(self, text: str) -> None:
        self.wait_for(lambda: text in self.text, f"{text!r} on the screen")

    def wait_for_end(self) -> int:
        """Wait for the program and return its exit code; the screen has all that it wrote."""
        self.wait_for(lambda: self.process.poll() is not None, "the program's end")
        end = time.monotonic() + _LAST_WORDS_S
        while not self._is_hung_up and time.monotonic() < end:  # another program may have the terminal still
            self.read(_LOOK_AGAIN_S)
        return int(self.process.returncode)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.wait_for_end()
        os.close(self._ours)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))


def resize(screen: pyte.Screen, columns: int, lines: int) -> None:
    """As terminals do: the margins go, and rows that leave at the top take the cursor along (pyte leaves it behind)."""
    left_at_top = max(0, screen.lines - lines)
    screen.set_margins()
    row, column = screen.cursor.y, screen.cursor.x
    screen.resize(lines, columns)
    screen.cursor.y, screen.cursor.x = max(0, row - left_at_top), min(column, columns - 1)


def known_to_pyte(data: bytes) -> bytes:
    """pyte shows the private part of sequences that it does not know."""
    return data.replace(b"\x1b[?2026h", b"").replace(b"\x1b[?2026l", b"")


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
