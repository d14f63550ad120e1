"""The end of a log file that grows, is rotated, or is not there yet."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ("LogTail",)

# What one looks at first, and what is read at once of a flood: enough to scroll in, little enough to keep drawing.
_MOST_BYTES = 4 << 20
_SKIPPED = "… lines were skipped, this log grows too fast to be read along; the file has them"


class LogTail:
    """Reads a log file from near its end on. Nothing is kept open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode = 0
        self._offset = 0
        self._unfinished = b""

    def read(self) -> list[str]:
        """Return the lines that came since the last call, or near the end of the file at the first."""
        try:
            with open(self.path, "rb") as file:
                found = os.fstat(file.fileno())
                is_first = not self._inode
                if found.st_ino != self._inode or found.st_size < self._offset:
                    # Another file: what this one has is new, and the last words of the one before are lost.
                    self._inode, self._offset, self._unfinished = found.st_ino, 0, b""
                is_cut = found.st_size - self._offset > _MOST_BYTES
                if is_cut:
                    self._offset = found.st_size - _MOST_BYTES
                file.seek(self._offset)
                data = file.read(_MOST_BYTES)
        except OSError:
            return []
        self._offset += len(data)
        if not is_cut:
            return self._lines(data)
        self._unfinished = b""
        lines = self._lines(data.partition(b"\n")[2])  # it begins within a line
        return lines if is_first else [_SKIPPED, *lines]

    def _lines(self, data: bytes) -> list[str]:
        if not data:
            return []
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        # What a progress bar wrote over is gone from a terminal as well.
        return [line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace") for line in lines]
