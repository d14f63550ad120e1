"""Carries what one role prints into its log file and, line by line with a prefix, to the screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._run.log_file import LogFile
    from xr_ai_launcher._run.mask import Mask
    from xr_ai_launcher._run.screen import Screen

# Room for a burst while the launcher is busy; beyond it the role would wait.
_PIPE_BYTES = 256 << 10
_READ_BYTES = 256 << 10
# A "line" longer than this reaches the screen in pieces; the log file always has it whole.
_LONGEST_LINE_BYTES = 1 << 20

LineWatcher = Callable[[bytes], None]
"""Called with whole lines, as they came, newline included."""


class Relay:
    """The reading end of a role's stdout and stderr. One per role; it outlives restarts."""

    def __init__(
        self,
        log: LogFile,
        prefix: bytes,
        screen: Screen,
        calm: Callable[[bytes], bytes] | None = None,
        mask: Mask | None = None,
    ) -> None:
        """``calm`` makes lines fit for a shared terminal; without it they reach the screen as they are."""
        self.log_path = log.path
        self.watcher: LineWatcher | None = None
        self._prefix = prefix
        self._newline_prefix = b"\n" + prefix
        self._screen = screen
        self._calm = calm
        self._mask = mask
        self._withheld = b""
        self._log = log
        self._is_log_broken = False
        self._pipe = -1
        self._unfinished: list[bytes] = []
        self._unfinished_bytes = 0

    def open_pipe(self) -> int:
        """Open a new pipe and return its writing end: for the child, to be closed after the spawn."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        with contextlib.suppress(OSError):  # over the user's pipe quota: the ordinary size works too
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._pipe = read_end
        return write_end

    def open_log(self) -> None:
        """Make the log file, which then is there also when nothing is printed."""
        self._log.open()

    def adopt_pipe(self, read_end: int) -> None:
        """Take the reading end of a pipe that was made elsewhere."""
        os.set_blocking(read_end, False)
        self._pipe = read_end

    @property
    def pipe(self) -> int:
        """The reading end to watch, or -1."""
        return self._pipe

    def pump(self) -> bool:
        """Read once what is there, without waiting. Returns whether more may come: False at the end of the pipe."""
        data = self._read()
        return data is None or bool(data)

    def drain(self) -> None:
        """Read all that is in the pipe now; never waits for its end, which a grandchild may hold open."""
        while self._pipe >= 0 and self._read():
            pass

    def close_pipe(self) -> None:
        """Take the last words and close the reading end; stop watching it first."""
        if self._pipe >= 0:
            self.drain()
            if self._withheld:
                self._take(self._withheld)
                self._withheld = b""
            self._flush_unfinished()
            os.close(self._pipe)
            self._pipe = -1

    def _read(self) -> bytes | None:
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return None
        if data:
            self._take(self._masked(data) if self._mask else data)
        return data

    def _masked(self, data: bytes) -> bytes:
        """Hide secrets; an ending that may become one waits for what follows it."""
        assert self._mask is not None
        shown, self._withheld = self._mask.split(self._mask.clean_bytes(self._withheld + data))
        return shown

    def _take(self, data: bytes) -> None:
        if not self._log.write(data) and not self._is_log_broken:
            self._is_log_broken = True
            self._screen.write_note(f"{self.log_path} cannot be written (disk full?): it misses lines\n".encode())
        self._forward(data)

    def close(self) -> None:
        """Close the log file."""
        self._log.close()

    def _forward(self, data: bytes) -> None:
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = b"".join((*self._unfinished, whole))
            self._unfinished.clear()
            self._unfinished_bytes = 0
            self._show(lines)
        if rest:
            self._unfinished.append(rest)
            self._unfinished_bytes += len(rest)
            if self._unfinished_bytes >= _LONGEST_LINE_BYTES:
                self._flush_unfinished()

    def _flush_unfinished(self) -> None:
        if self._unfinished:
            lines = b"".join(self._unfinished)
            self._unfinished.clear()
            self._unfinished_bytes = 0
            self._show(lines)

    def _show(self, lines: bytes) -> None:
        shown = self._calm(lines) if self._calm is not None else lines
        self._screen.write_line_batch(self._prefix + shown.replace(b"\n", self._newline_prefix) + b"\n")
        if self.watcher is not None:
            self.watcher(lines + b"\n")
