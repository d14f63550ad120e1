"""Waits for log files to grow, without asking them again and again: inotify, through the C library."""

from __future__ import annotations

import ctypes
import os
import select
import time
from typing import TYPE_CHECKING

from xr_ai_launcher._control.log_lines import Line, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from xr_ai_launcher._control.client import Control

__all__ = ("Follower", "follow")

_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100
_IN_NONBLOCK, _IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_EVENTS_BYTES = 64 << 10
_READ_BYTES = 1 << 20
# Where the user's share of inotify instances is used up.
_FALLBACK_PAUSE_MS = 250


class Follower:
    """Reads on in one role's log from where it ended when this was made; goes over to the next part after rotation."""

    def __init__(self, role: str, path: Path, understand: Callable[[bytes], Line | None] | None = None) -> None:
        """``understand`` makes lines of a file that says itself when; without it they are of when they are read."""
        self._understand = understand
        self._role = role
        self._path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        """Where it begins; what is before must be read otherwise."""
        os.lseek(self._file, self.size, os.SEEK_SET)
        self._unfinished = b""

    def read(self) -> Iterator[Line]:
        """Yield the whole lines that came since the last call."""
        while True:
            # Asked first: what is written between the reading and the question would be lost with the old part.
            following = self._following_part()
            yield from self._read_part()
            if following is None:
                return
            os.close(self._file)
            self._file = os.open(following, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> Iterator[Line]:
        """Yield last words without a newline."""
        os.close(self._file)
        if self._unfinished:
            yield Line(time.time_ns(), self._role, self._unfinished)

    def _read_part(self) -> Iterator[Line]:
        while data := os.read(self._file, _READ_BYTES):
            *lines, self._unfinished = (self._unfinished + data).split(b"\n")
            now_ns = time.time_ns()
            for text in lines:
                line = Line(now_ns, self._role, text) if self._understand is None else self._understand(text)
                if line is not None:
                    yield line

    def _following_part(self) -> Path | None:
        """Return the part that came after the one that is read; None while it is the newest."""
        ours = os.fstat(self._file)
        parts = parts_of(self._path)
        ages = [index for index, part in enumerate(parts) if os.path.samestat(os.stat(part), ours)]
        following = parts[ages[0] + 1 :] if ages else parts  # already forgotten: with the oldest that is left
        return following[0] if following else None


def follow(followers: Sequence[Follower], folders: Sequence[Path], runs: Sequence[Control]) -> Iterator[Line]:
    """Yield lines as they come until every one of the ``runs`` has ended."""
    alive = {run.fileno(): run for run in runs}
    watch = _watch(folders)
    poll = select.poll()
    for fd in (*alive, *([] if watch is None else [watch])):
        poll.register(fd, select.POLLIN)
    try:
        while True:
            for follower in followers:
                yield from follower.read()
            if not alive:
                break
            for fd, _ in poll.poll(_FALLBACK_PAUSE_MS if watch is None else None):
                if fd == watch:
                    os.read(watch, _EVENTS_BYTES)
                elif _has_ended(alive[fd]):
                    poll.unregister(fd)
                    del alive[fd]
        for follower in followers:
            yield from follower.close()
    finally:
        if watch is not None:
            os.close(watch)


def _has_ended(run: Control) -> bool:
    run.read_events()
    return run.is_closed


def _watch(folders: Sequence[Path]) -> int | None:
    """Return a descriptor that can be read when a file in one of the folders has grown or was rotated."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC))
    if fd < 0:
        return None
    for folder in folders:
        if libc.inotify_add_watch(fd, os.fsencode(folder), _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE) < 0:
            os.close(fd)
            return None
    return fd
