"""Reads the log files of a run and puts the lines of several roles in the order in which they arrived."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections import deque
from contextlib import ExitStack, suppress
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.log_file import TIMES_ENTRY, older_part
from xr_ai_launcher._run.record import FILE_NAME
from xr_ai_launcher._run.words import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, BinaryIO

__all__ = ("SPEAKER", "Line", "Position", "event_line", "event_words", "merged", "parts_of", "read_events", "read_role")

SPEAKER = "xrstack"
"""Who speaks in lines that come from the run record."""
_BLOCK_BYTES = 64 << 10
# A rotation takes a fraction of a millisecond; a log that rotates faster than it can be listed is read as it comes.
_SNAPSHOT_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a role printed, or one event of the run."""

    time_ns: int
    """When it arrived: nanoseconds of the Unix clock, to a millisecond."""
    role: str
    text: bytes
    """Without its newline."""


def merged(streams: Iterable[Iterable[Line]], last: int | None = None) -> Iterable[Line]:
    """Return the lines of all streams by time; with ``last`` only so many from the end."""
    lines = merge(*streams, key=lambda line: line.time_ns)
    return lines if last is None else deque(lines, maxlen=last)


@dataclass(frozen=True, slots=True)
class Position:
    """A byte of a file that may be renamed meanwhile, at the beginning of a line."""

    device: int
    inode: int
    offset: int


def read_role(
    role: str, path: Path, *, since_ns: int = 0, last: int | None = None, until: Position | None = None
) -> Iterator[Line]:
    """Yield a role's lines, those of older parts first.

    ``last``: no more than so many are wanted from the end, which is at ``until`` if that is given.
    """
    with ExitStack() as opened:
        parts = _open_parts(path, opened)
        ends = [os.fstat(part.file.fileno()).st_size for part in parts]
        if until is not None:
            places = [(part.device, part.inode) for part in parts]
            if (until.device, until.inode) in places:
                newest = places.index((until.device, until.inode))
                parts, ends = parts[: newest + 1], [*ends[:newest], until.offset]
        starts = [0] * len(parts)
        wanted, oldest = last, 0
        for index in reversed(range(len(parts)) if wanted is not None else ()):
            starts[index], found = _start_of_last(parts[index].file, wanted or 0, ends[index])
            wanted, oldest = (wanted or 0) - found, index
            if wanted <= 0:
                break
        for part, start, end in list(zip(parts, starts, ends, strict=True))[oldest:]:
            yield from _read_part(role, part, start, end, since_ns)


@dataclass(frozen=True, slots=True)
class _Part:
    """An open part of a log: its name may be another part's by the time it is read."""

    file: BinaryIO
    device: int
    inode: int
    times: Sequence[tuple[int, int]]


def _open_parts(path: Path, opened: ExitStack) -> list[_Part]:
    """Open the parts of a log, the oldest first, as they were at one moment between two rotations."""
    for attempt in range(_SNAPSHOT_ATTEMPTS):
        names = parts_of(path)
        with ExitStack() as attempted, suppress(FileNotFoundError):
            found = [_open_part(name, attempted) for name in names]
            unchanged = [(part.device, part.inode) for part in found] == [_identity(name) for name in parts_of(path)]
            if unchanged or attempt == _SNAPSHOT_ATTEMPTS - 1:
                opened.enter_context(attempted.pop_all())
                return found
    return []


def _open_part(path: Path, opened: ExitStack) -> _Part:
    file = opened.enter_context(path.open("rb"))
    state = os.fstat(file.fileno())
    return _Part(file, state.st_dev, state.st_ino, _times_of(path))


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino


def parts_of(path: Path) -> list[Path]:
    """Return the files of a log, the oldest first. While it is rotated one may be missing."""
    before = path.name + "."
    numbers = [entry.name[len(before) :] for entry in os.scandir(path.parent) if entry.name.startswith(before)]
    ordered = sorted(map(int, filter(str.isdigit, numbers)), reverse=True)
    older = [Path(older_part(str(path), number)) for number in ordered]
    return [*older, *([path] if path.exists() else [])]


def read_events(logs: Path, *, since_ns: int = 0, until: Position | None = None) -> Iterator[Line]:
    """Yield what the run record of a folder says, in words."""
    try:
        file = (logs / FILE_NAME).open("rb")
    except FileNotFoundError:
        return
    with file:
        left = os.fstat(file.fileno()).st_size if until is None else until.offset
        while left > 0 and (text := file.readline()):
            left -= len(text)
            line = event_line(text)
            if line is not None and line.time_ns >= since_ns:
                yield line


def event_line(text: bytes) -> Line | None:
    """Return one line of the run record in words; None for what nobody reads."""
    try:
        entry = json.loads(text)
        time_ns = int(entry["time"] * 1e9)
    except (ValueError, KeyError, TypeError):
        return None  # cut off when the disk was full
    words = event_words(entry)
    return Line(time_ns, SPEAKER, words.encode(errors="replace")) if words else None


def event_words(entry: dict[str, Any]) -> str:
    """Return one entry of the run record as a sentence; "" for what nobody reads."""
    role, text = entry.get("role", ""), entry.get("text", "")
    match entry.get("event"):
        case "started":
            return f"{role} started (process {entry.get('pid')})"
        case "ready":
            return f"{role} is ready after {seconds(entry.get('after_s', 0.0))}"
        case "exit":
            return f"{role} ended: {text}"
        case "restart":
            return f"{role} is stopped to start it again"
        case "status" | "pause" | "killed":
            return f"{role}: {text}"
        case "up" | "stop":
            return str(text)
        case "ending":
            return f"ended with exit code {entry.get('exit_code')}: {text}"
    return ""


def _read_part(role: str, part: _Part, start: int, end: int, since_ns: int) -> Iterator[Line]:
    offsets = [offset for offset, _ in part.times]
    offset = _begin_line(part.file, max(start, _since_offset(part.times, since_ns, end)))
    while offset < end and (text := part.file.readline()):
        index = bisect_right(offsets, offset) - 1
        offset += len(text)
        yield Line(part.times[index][1] if index >= 0 else 0, role, text.rstrip(b"\n"))


def _times_of(path: Path) -> Sequence[tuple[int, int]]:
    name, dot, number = path.name.rpartition(".log")
    try:
        data = path.with_name(f"{name}.times{number}" if dot else path.name).read_bytes()
    except OSError:
        return ()
    return list(TIMES_ENTRY.iter_unpack(data[: len(data) - len(data) % TIMES_ENTRY.size]))


def _since_offset(entries: Sequence[tuple[int, int]], since_ns: int, size: int) -> int:
    """Return where what arrived since then begins. The times may step back, when the clock did."""
    if since_ns <= 0:
        return 0
    return next((offset for offset, time_ns in entries if time_ns >= since_ns), size)


def _begin_line(file: BinaryIO, start: int) -> int:
    """Go to the beginning of the line that begins at ``start`` or next after it."""
    file.seek(max(0, start - 1))
    if start:
        start += len(file.readline()) - 1
    return start


def _start_of_last(file: BinaryIO, count: int, end: int) -> tuple[int, int]:
    """Return where the last ``count`` lines before ``end`` begin, and how many there really are."""
    position, found = end, 0
    while position > 0:
        step = min(_BLOCK_BYTES, position)
        position -= step
        file.seek(position)
        block = file.read(step)
        # The newline that ends the file begins no line.
        at = len(block) - 1 if position + step == end else len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            found += 1
            if found == count:
                return position + at + 1, count
    return 0, found + 1 if end else 0
