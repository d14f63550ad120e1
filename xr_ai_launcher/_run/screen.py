"""Writes to the launcher's own stdout and stderr without ever making a role wait for a slow reader."""

import os
import stat
from collections import deque
from collections.abc import Callable, Mapping

# A terminal that is paused must not fill the memory; what does not fit is counted, and is in the log files.
_BACKLOG_LIMIT_BYTES = 64 << 20
_LAST_WRITE_TIMEOUT_S = 2.0

_PALETTE = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # SGR foregrounds readable on dark and light


class Screen:
    """Two descriptors, written in the order of the calls: files at once, anything that can block by a thread."""

    def __init__(self, stdout: int = 1, stderr: int = 2) -> None:
        self.stdout, self.stderr = stdout, stderr
        self._writer = None if _never_blocks(stdout) and _never_blocks(stderr) else _Writer()

    def write_line_batch(self, data: bytes) -> None:
        """Write whole lines of roles to stdout."""
        self._write(self.stdout, data)

    def write_note(self, data: bytes) -> None:
        """Write the launcher's own words to stderr."""
        self._write(self.stderr, data)

    def attach_painter(self, paint: Callable[[], bytes], fd: int) -> None:
        """Have ``paint`` asked, by the thread that writes, for what keeps some rows of the terminal ``fd`` current.

        It is asked between two batches of lines and only after `repaint`, so that a slow terminal or a flood of lines
        gets the newest picture and not every one.
        """
        if self._writer is not None:
            self._writer.painter = (paint, fd)

    def repaint(self) -> None:
        """Have the painter asked soon, before the lines that still wait."""
        if self._writer is not None:
            self._writer.repaint()

    def hold(self, then: Callable[[], None]) -> None:
        """Write nothing more to what can block until `release`; call ``then`` once what was painted last is out."""
        if self._writer is None:
            then()
        else:
            self._writer.hold(then)

    def release(self) -> None:
        """Write on, first of all what was to be written meanwhile."""
        if self._writer is not None:
            self._writer.release()

    def flush(self) -> None:
        """Return once everything written so far is out, or the reader is too slow."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Let what is queued out, for a bounded time."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, fd: int, data: bytes) -> None:
        if self._writer is None:
            write_all(fd, data)
        else:
            self._writer.put(fd, data)


class _Writer:
    """The thread that waits for the reader, so that the event loop need not."""

    def __init__(self) -> None:
        import threading  # late: a start whose words go to files needs none

        self._queue: deque[tuple[int, bytes]] = deque()
        self._queued_bytes = 0
        self._dropped_lines = 0
        self.painter: tuple[Callable[[], bytes], int] | None = None
        self._is_paint_due = False
        self._on_held: Callable[[], None] | None = None
        self._is_held = False
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
        self._thread.start()

    def put(self, fd: int, data: bytes) -> None:
        with self._changed:
            if self._queued_bytes > _BACKLOG_LIMIT_BYTES:
                self._dropped_lines += data.count(b"\n")
                return
            if self._dropped_lines:
                lost, self._dropped_lines = self._dropped_lines, 0
                note = f"… {lost} lines not shown, since this terminal reads too slowly; the log files have them\n"
                self._append(fd, note.encode())
            self._append(fd, data)
            self._changed.notify()

    def repaint(self) -> None:
        with self._changed:
            self._is_paint_due = True
            self._changed.notify()

    def hold(self, then: Callable[[], None]) -> None:
        with self._changed:
            self._on_held = then
            self._changed.notify()

    def release(self) -> None:
        with self._changed:
            self._is_held, self._on_held = False, None
            self._changed.notify()

    def flush(self) -> None:
        self.release()
        with self._changed:
            self._changed.wait_for(lambda: not self._queued_bytes, _LAST_WRITE_TIMEOUT_S)

    def close(self) -> None:
        self.release()
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(_LAST_WRITE_TIMEOUT_S)

    def _append(self, fd: int, data: bytes) -> None:
        self._queue.append((fd, data))
        self._queued_bytes += len(data)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                is_paint_due, self._is_paint_due = self._is_paint_due, False
                on_held, self._on_held = self._on_held, None
                self._is_held = on_held is not None
                fd, data = self._queue.popleft() if self._queue and not self._is_held else (-1, b"")
                if fd < 0 and not is_paint_due and not self._is_held:
                    return
            if is_paint_due:
                self._paint()
            if on_held is not None:
                on_held()
            if data:
                write_all(fd, data)
                with self._changed:
                    self._queued_bytes -= len(data)
                    self._changed.notify()

    def _has_work(self) -> bool:
        is_something_due = bool(self._queue) or self._is_paint_due
        return self._is_closing or self._on_held is not None or (is_something_due and not self._is_held)

    def _paint(self) -> None:
        if self.painter is not None:
            paint, fd = self.painter
            write_all(fd, paint())


def write_all(fd: int, data: bytes) -> bool:
    """Write everything and return whether that was possible.

    A reader that went away (closed terminal, ``| head``) or a full disk is no reason to stop the stack.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError:
            return False
    return True


def color_for(fd: int, environment: Mapping[str, str]) -> bool:
    """Whether colours are wanted there: a terminal, and neither NO_COLOR nor TERM=dumb is set."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return bool(environment.get("FORCE_COLOR")) or os.isatty(fd)


def prefix_for(name: str, width: int, index: int, *, colored: bool) -> bytes:
    """Return ``name  │ `` for the start of each line, in a colour of its own when there are colours."""
    text = f"{name.ljust(width)} │ "
    return (f"\x1b[{_PALETTE[index % len(_PALETTE)]}m{text}\x1b[0m" if colored else text).encode()


def _never_blocks(fd: int) -> bool:
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return True  # closed: writing fails at once
    return stat.S_ISREG(mode) or os.path.samestat(os.fstat(fd), os.stat(os.devnull))
