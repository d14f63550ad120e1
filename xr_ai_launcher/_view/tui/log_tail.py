"""The end of a log file that grows, is rotated, or is not there yet."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ("LogTail",)

# What one looks at first; the file has it all.
_FIRST_READ_BYTES = 4 << 20
# A flood must not keep the view from drawing: what is skipped is in the file.
_READ_BYTES = 2 << 20


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
                if found.st_ino != self._inode or found.st_size < self._offset:
                    self._begin(found)
                elif found.st_size == self._offset:
                    return []
                skipped = self._skip(found.st_size)
                file.seek(self._offset)
                data = file.read(_FIRST_READ_BYTES)
        except OSError:
            return []
        self._offset += len(data)
        return self._split(data, is_cut=skipped)

    def _begin(self, found: os.stat_result) -> None:
        """A new file: its end when it is the first that is seen, all of it when the one before was rotated away."""
        self._offset = 0 if self._inode else max(0, found.st_size - _FIRST_READ_BYTES)
        self._unfinished = b"" if self._inode or not self._offset else b"\0"
        self._inode = found.st_ino

    def _skip(self, size: int) -> bool:
        if size - self._offset <= _FIRST_READ_BYTES:
            return False
        self._offset = size - _READ_BYTES
        return True

    def _split(self, data: bytes, *, is_cut: bool) -> list[str]:
        if is_cut or self._unfinished == b"\0":
            data = data.partition(b"\n")[2]  # begins within a line
            self._unfinished = b""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        texts = [
            line.decode(errors="replace").rpartition("\r")[2]
            if b"\r" in line.rstrip(b"\r")
            else line.decode(errors="replace").rstrip("\r")
            for line in lines
        ]
        return ["… lines were skipped, the log grows too fast to read: the file has them", *texts] if is_cut else texts
