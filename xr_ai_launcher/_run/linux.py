"""What the standard library has no words for: subreapers, process names, and the process table in /proc."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache

from xr_ai_launcher._dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_ARG_START_FIELD = 47  # of /proc/PID/stat, counted from 0 (proc(5))


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One line of the process table. ``state`` is the letter of ps: R, S, D, Z …"""

    pid: int
    command: str
    state: str
    parent: int
    group: int
    session: int

    @property
    def is_zombie(self) -> bool:
        """Whether it has ended and only waits to be collected."""
        return self.state in "ZX"


def set_subreaper(enabled: bool) -> bool:
    """Become (or stop being) the parent of every orphaned descendant. Returns what was set before."""
    import ctypes

    before = ctypes.c_int()
    _prctl()(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    _prctl()(_PR_SET_CHILD_SUBREAPER, int(enabled), 0, 0, 0)
    return bool(before.value)


def end_with_parent(parent: int, signum: int) -> None:
    """Get a signal when ``parent`` (the process that forked this one) ends, also if that was before this call."""
    _prctl()(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def rename_process(title: str) -> None:
    """Show ``title`` in ps, top and pkill instead of the command line that this process was forked from."""
    import ctypes

    text = title.encode()
    _prctl()(_PR_SET_NAME, text[:15], 0, 0, 0)
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = (int(fields[_ARG_START_FIELD - 2 + offset]) for offset in (0, 1))
    if 0 < start < end:  # the kernel's own record of where argv lies
        ctypes.memmove(start, text[: end - start - 1].ljust(end - start, b"\0"), end - start)


def process_info(pid: int) -> ProcessInfo | None:
    """Return the process' entry, or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            head, _, tail = file.read().rpartition(b")")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = tail.split()
    return ProcessInfo(
        pid=pid,
        command=head.partition(b"(")[2].decode(errors="replace"),
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
    )


def command_line(pid: int, *, limit: int = 80) -> str:
    """Return the process' command line for people, or "" when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            text = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
    if not text:
        info = process_info(pid)
        text = info.command if info else ""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def environment_value(pid: int, name: str) -> str | None:
    """Return a variable of the environment that the process was started with; None when unset or not readable."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = file.read()
    except OSError:
        return None
    start = f"{name}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(start):
            return os.fsdecode(entry[len(start) :])
    return None


def children_of(pid: int) -> list[int]:
    """Return the direct children of every thread of a process, zombies included."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            # Either the thread just ended, or the kernel was built without this file.
            if os.path.exists(f"/proc/{pid}/task/{task}"):
                return _children_by_scan(pid)
    return found


def descendants_of(pid: int) -> Iterator[int]:
    """Yield all processes below one, parents before their children."""
    todo = children_of(pid)
    while todo:
        yield from todo
        todo = [grandchild for child in todo for grandchild in children_of(child)]


def _children_by_scan(parent: int) -> list[int]:
    infos = (process_info(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [info.pid for info in infos if info is not None and info.parent == parent]


@cache
def _prctl() -> Callable[..., int]:
    import ctypes

    function: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return function
