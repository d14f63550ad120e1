"""The log file of one role: rotated before it grows without end, with a small index of when which byte was written.

``web.log`` holds what the role printed and nothing else; older parts are ``web.log.1``, ``web.log.2``, …  ``web.times``
(and ``web.times.1``, …) has pairs of 64-bit numbers: an offset, and the nanoseconds of the Unix clock at which what
follows it arrived. It is what lets lines of several roles be put in order afterwards without touching any line.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from xr_ai_launcher._run.screen import write_all

TIMES_ENTRY = struct.Struct("=QQ")
# Lines that come closer together share a time: an entry is a fifth of a short line.
_TIMES_STEP_NS = 1_000_000
_TAIL_READ_BYTES = 16 << 10
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class LogFile:
    """Appends to a log file. A part ends with a whole line, and is larger than the limit by that line at most."""

    def __init__(self, path: str, *, limit_bytes: int, kept: int) -> None:
        """``path`` ends in ``.log``; ``kept`` is the number of older parts."""
        self.path = path
        self._limit_bytes = limit_bytes
        self._kept = kept
        self._times_path = path.removesuffix(".log") + ".times"
        self._file = self._times = -1

    def write(self, data: bytes) -> bool:
        """Append data and return whether that was possible."""
        self.open()
        is_written = True
        while data:
            room = self._limit_bytes - self._size
            line_end = data.find(b"\n", max(room - 1, 0)) + 1
            is_written = self._append(data[:line_end] if line_end else data) and is_written
            if room <= 0 and line_end:
                self._rotate()
            data = data[line_end:] if line_end else b""
        return is_written

    def close(self) -> None:
        """Close the files."""
        if self._file >= 0:
            os.close(self._file)
            os.close(self._times)
            self._file = self._times = -1

    def open(self) -> None:
        """Make the files, unless they are open; `write` does so, too."""
        if self._file >= 0:
            return
        self._file = os.open(self.path, _FLAGS, 0o600)
        self._times = os.open(self._times_path, _FLAGS, 0o600)
        self._size = os.fstat(self._file).st_size
        self._noted_ns = 0

    def _append(self, data: bytes) -> bool:
        now_ns = time.time_ns()
        # A clock that was set back is noted, too.
        if not 0 <= now_ns - self._noted_ns < _TIMES_STEP_NS:
            self._noted_ns = now_ns
            write_all(self._times, TIMES_ENTRY.pack(self._size, now_ns))
        self._size += len(data)
        return write_all(self._file, data)

    def _rotate(self) -> None:
        self.close()
        for path in (self._times_path, self.path):
            for number in range(self._kept, 0, -1):
                older = path if number == 1 else older_part(path, number - 1)
                with contextlib.suppress(OSError):  # removed by somebody: then there is nothing to keep
                    os.replace(older, older_part(path, number))
            if not self._kept:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        self.open()


def older_part(path: str, number: int) -> str:
    """Return the path of an older part; 1 is the newest of them."""
    return f"{path}.{number}"


def tail_of(path: str, lines: int) -> list[str]:
    """Return the last lines of a log, those of the part before included when this one is young."""
    data = b""
    for part in (path, older_part(path, 1)):
        wanted = _TAIL_READ_BYTES - len(data)
        with contextlib.suppress(FileNotFoundError), open(part, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - wanted))
            data = file.read(wanted) + data
        if len(data) >= _TAIL_READ_BYTES:
            break
    text = data.decode(errors="replace")
    return [line.rstrip("\r") for line in text.rstrip("\n").split("\n")[-lines:]] if text.strip() else []
