"""A few rows at the bottom of a terminal that stay, while lines scroll above them.

The terminal itself does the work: its scroll region ends above the rows, so writing lines needs no care and no redraw,
and lines that leave the region at the top go to the scrollback as ever. Only rows that changed are written again.
"""

from __future__ import annotations

import threading

from xr_ai_launcher._view.terminal import size_of

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("LEAST_COLUMNS", "Footer", "most_rows", "reset_sequence")

LEAST_COLUMNS = 40
# Lines of roles are what a terminal is for: they keep at least this many rows, and at least half of all.
_LEAST_LOG_LINES = 6

_SAVE, _RESTORE = "\x1b7", "\x1b8"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"  # synchronized output: terminals that know it show all of it at once
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_WHOLE_SCREEN = "\x1b[r"
_ERASE_BELOW = "\x1b[J"


def most_rows(lines: int) -> int:
    """Return how many rows a terminal of so many lines can give away."""
    return max(0, min(lines - _LEAST_LOG_LINES, (lines + 1) // 2))


def reset_sequence() -> bytes:
    """Return what gives the whole terminal back, for when the one who drew cannot any more."""
    return f"{_SAVE}{_WHOLE_SCREEN}{_RESTORE}{_ERASE_BELOW}{_WRAP}{_SHOW_CURSOR}".encode()


class Footer:
    """The rows and what is known of the screen. `show` and `hide` say what should be; `paint` makes it so.

    Any thread may say; one thread, which also writes the lines, paints.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._wanted: tuple[str, ...] = ()
        self._shown: list[str] = []
        self._size = (0, 0)

    def show(self, rows: Sequence[str]) -> bool:
        """Want these rows, each as wide as the terminal; no rows: want none. Returns whether that is new."""
        with self._lock:
            is_new = self._wanted != tuple(rows)
            self._wanted = tuple(rows)
            return is_new or size_of(self._fd) != self._size

    def hide(self) -> None:
        """Want the whole terminal for lines."""
        self.show(())

    def paint(self) -> bytes:
        """Return what to write to the terminal now, with the cursor where lines go on; empty when all is as wanted."""
        with self._lock:
            wanted = self._wanted
        size = size_of(self._fd)
        columns, lines = size
        if columns < LEAST_COLUMNS or len(wanted) > most_rows(lines):
            wanted = ()
        opening = ""
        if len(wanted) != len(self._shown) or (wanted and size != self._size):
            opening = self._closed() + self._opened(len(wanted), lines)
            self._shown = [""] * len(wanted)
        self._size = size
        changed = self._changed_rows(wanted, lines)
        if not opening and not changed:
            return b""
        self._shown = list(wanted)
        drawing = f"{_SAVE}{_NO_WRAP}{changed}{_WRAP}{_RESTORE}" if changed else ""
        return f"{_BEGIN}{opening}{drawing}{_END}".encode(errors="replace")

    def _closed(self) -> str:
        """The cursor stands below the last line; what is below it is ours and can go, however it was reflowed."""
        if not self._shown:
            return ""
        return f"{_SAVE}{_WHOLE_SCREEN}{_RESTORE}{_ERASE_BELOW}{_SHOW_CURSOR}"

    def _opened(self, rows: int, lines: int) -> str:
        if not rows:
            return ""
        room = "\n" * rows + f"\x1b[{rows}A"  # wherever the cursor is, there is place for the rows below it now
        return f"{_HIDE_CURSOR}{room}{_SAVE}\x1b[1;{lines - rows}r{_RESTORE}"

    def _changed_rows(self, wanted: Sequence[str], lines: int) -> str:
        first = lines - len(wanted) + 1
        return "".join(
            f"\x1b[{first + index};1H{row}"
            for index, (row, shown) in enumerate(zip(wanted, self._shown, strict=True))
            if row != shown
        )
