"""Waits for log files to grow, without asking them again and again: inotify, through the C library."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import time
from typing import TYPE_CHECKING

from xr_ai_launcher._control.log_lines import Line, Position, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from xr_ai_launcher._control.client import Control

__all__ = ("Follower", "follow")

_Identity = tuple[int, int]

_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100
_IN_NONBLOCK, _IN_CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_EVENTS_BYTES = 64 << 10
_READ_BYTES = 1 << 20
_LOOK_BACK_BYTES = 64 << 10
# Where the user's share of inotify instances is used up.
_FALLBACK_PAUSE_MS = 250


class Follower:
    """Reads on in one role's log from where it ended when this was made; goes over to the next part after rotation."""

    def __init__(self, role: str, path: Path, understand: Callable[[bytes], Line | None] | None = None) -> None:
        """``understand`` makes lines of a file that says itself when; without it they are of when they are read."""
        self._understand = understand
        self._role = role
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        state = os.fstat(self._file)
        self.begin = Position(state.st_dev, state.st_ino, _line_start(self._file, state.st_size))
        """What is before must be read otherwise."""
        os.lseek(self._file, self.begin.offset, os.SEEK_SET)
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
            self._file = following

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

    def _following_part(self) -> int | None:
        """Open the part that came after the one that is read; None while that is the newest."""
        while True:
            parts = self._parts()
            ours = [identity == _identity(self._file) for _, identity in parts]
            is_forgotten = os.fstat(self._file).st_nlink == 0  # then the next one is the oldest that is left
            if parts != self._parts() or not (any(ours) or is_forgotten):
                continue  # it is being rotated just now
            following = parts[ours.index(True) + 1 :] if any(ours) else parts
            if not following:
                return None
            path, identity = following[0]
            with contextlib.suppress(FileNotFoundError):
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                if identity == _identity(file):
                    return file
                os.close(file)

    def _parts(self) -> list[tuple[Path, _Identity]]:
        """Return the parts with what identifies them."""
        found = []
        for part in parts_of(self.path):
            with contextlib.suppress(FileNotFoundError):
                found.append((part, _identity(part)))
        return found


def _identity(file: Path | int) -> _Identity:
    state = os.stat(file)
    return state.st_dev, state.st_ino


def follow(followers: Sequence[Follower], folders: Sequence[Path], runs: Sequence[Control]) -> Iterator[Iterable[Line]]:
    """Yield lines as they come, in batches, until every one of the ``runs`` has ended."""
    alive = {run.fileno(): run for run in runs}
    watch = _watch(folders)
    poll = select.poll()
    for fd in (*alive, *([] if watch is None else [watch])):
        poll.register(fd, select.POLLIN)
    try:
        while True:
            for follower in followers:
                yield follower.read()
            if not alive:
                break
            for fd, _ in poll.poll(_FALLBACK_PAUSE_MS if watch is None else None):
                if fd == watch:
                    os.read(watch, _EVENTS_BYTES)
                elif _has_ended(alive[fd]):
                    poll.unregister(fd)
                    del alive[fd]
        for follower in followers:
            yield follower.close()
    finally:
        if watch is not None:
            os.close(watch)


def _line_start(file: int, end: int) -> int:
    """Return where the line that is unfinished at ``end`` begins."""
    while end > 0:
        begin = max(0, end - _LOOK_BACK_BYTES)
        newline = os.pread(file, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


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
