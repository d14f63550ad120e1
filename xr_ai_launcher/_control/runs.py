"""Finds the stacks of this user that run now, by their private folders, and what killed launchers left."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.errors import ConnectionLostError, NoSuchRunError, RefusedError
from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.linux import environment_value, process_info
from xr_ai_launcher._run.members import RUN_DIR_VARIABLE
from xr_ai_launcher._run.rundir import folder_name, is_locked, remove_run_dir, run_dirs
from xr_ai_launcher._run.signals import send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xr_ai_launcher._control.model import StackStatus

__all__ = (
    "STACK_FILE",
    "Runs",
    "Silent",
    "Stale",
    "find_runs",
    "of_stack",
    "same_stack",
    "silent_of",
    "stale_of",
    "the_stack",
    "with_role",
)

# A launcher makes its folder and then locks it: a younger one may be about to.
_YOUNG_S = 5.0
STACK_FILE = Path("stack.yaml")
_STACKS_FOLDER = Path("stacks")


@dataclass(frozen=True, slots=True)
class Silent:
    """A launcher that lives and does not answer; stopped by a signal, most likely."""

    run_id: str
    pid: int
    refusal: str = ""
    """What it says instead, if it says anything: that it has too many visitors, for one."""

    def __str__(self) -> str:
        if self.refusal:
            return f"{self.run_id} (process {self.pid}) answers nothing but: {self.refusal}"
        return f"{self.run_id} (process {self.pid}) does not answer: is it stopped? kill -CONT {self.pid}"


@dataclass(frozen=True, slots=True)
class Stale:
    """What a run left whose launcher was killed together with its guardian."""

    runtime: str

    @property
    def name(self) -> str:
        """The id of the run."""
        return os.path.basename(self.runtime)

    def processes(self) -> list[int]:
        """Return its roles' processes that still live, known by their environment."""
        return [
            int(name)
            for name in os.listdir("/proc")
            if name.isdigit()
            and environment_value(int(name), RUN_DIR_VARIABLE) == self.runtime
            and (info := process_info(int(name))) is not None
            and not info.is_zombie
        ]

    def sweep(self, grace_s: float) -> int:
        """End them, politely first, and remove the folder; return how many there were."""
        found = self.processes()
        for pid in found:
            send(pid, signal.SIGTERM)
        if found and not _are_gone(found, grace_s):
            while left := self.processes():  # what forked meanwhile, too
                for pid in left:
                    send(pid, signal.SIGKILL)
                _are_gone(left, grace_s)
        remove_run_dir(self.runtime)
        return len(found)


@dataclass(frozen=True, slots=True)
class Runs:
    """All that was found."""

    running: tuple[StackStatus, ...] = ()
    silent: tuple[Silent, ...] = ()
    stale: tuple[Stale, ...] = ()


def find_runs(environment: Mapping[str, str]) -> Runs:
    """Ask every run of this user how it is. Folders that killed launchers left are removed if nothing else is left."""
    running, silent, stale = [], [], []
    for folder in run_dirs(environment):
        if not is_locked(folder):
            if _is_old(folder):
                remains = Stale(folder)
                if remains.processes():
                    stale.append(remains)
                else:
                    remove_run_dir(folder)
            continue
        try:
            control = Control(folder)
        except ConnectionLostError:
            continue  # just starting, or just ending
        with control:
            try:
                running.append(control.status())
            except ConnectionLostError:
                if not control.is_closed:
                    silent.append(Silent(os.path.basename(folder), control.peer_pid))
            except RefusedError as error:
                silent.append(Silent(os.path.basename(folder), control.peer_pid, str(error)))
    return Runs(tuple(sorted(running, key=lambda run: run.started)), tuple(silent), tuple(stale))


def of_stack(running: Sequence[StackStatus], name: str) -> list[StackStatus]:
    """Return the runs that ``name`` means: a stack's name, its file, or the id of a run."""
    return [run for run in running if name == run.run_id or same_stack(name, run.stack, run.source)]


def same_stack(name: str, stack: str, source: str) -> bool:
    """Whether ``name``, as somebody typed it, means this stack."""
    return name == stack or source in {str(path.resolve()) for path in (Path(name), _STACKS_FOLDER / f"{name}.yaml")}


def the_stack(running: Sequence[StackStatus], name: str | None) -> list[StackStatus]:
    """Return the runs of one stack: the named one; else that of ./stack.yaml; else the only one that runs.

    Raises:
        NoSuchRunError: it does not run, or several do and none is meant.
    """
    if name is not None:
        found = of_stack(running, name)
        if not found:
            others = ", ".join(sorted({run.stack for run in running}))
            raise NoSuchRunError(f"{name} does not run" + (f"; running: {others}" if others else "; no stack does"))
        return found
    if not running:
        raise NoSuchRunError("no stack runs")
    here = [run for run in running if run.source == str(STACK_FILE.resolve())]
    if here:
        return here
    stacks = {(run.stack, run.source) for run in running}
    if len(stacks) > 1:
        raise NoSuchRunError(f"several stacks run: name one of {', '.join(sorted({name for name, _ in stacks}))}")
    return list(running)


def with_role(runs: Sequence[StackStatus], name: str) -> StackStatus:
    """Return the run that has a role: the one that keeps it, if one does.

    Raises:
        NoSuchRunError: none has it.
    """
    having = [run for run in runs if run.role(name) is not None]
    if having:
        return max(having, key=lambda run: (run.persists == name, run.started))
    from xr_ai_config import did_you_mean

    known = [role.name for run in runs for role in run.roles]
    hint = did_you_mean(name, known) or f"its roles: {', '.join(known)}"
    raise NoSuchRunError(f"{runs[0].stack} has no role {name}; {hint}")


def stale_of(stale: Sequence[Stale], name: str | None) -> list[Stale]:
    """Return what runs of this stack left; only names of folders are left to tell."""
    return [each for each in stale if name is None or _is_run_of(each.name, name)]


def silent_of(silent: Sequence[Silent], name: str | None) -> list[Silent]:
    """Return the runs of this stack that do not answer."""
    return [each for each in silent if name is None or _is_run_of(each.run_id, name)]


def _is_run_of(run_id: str, name: str) -> bool:
    return run_id == name or run_id.rpartition("-")[0] in (folder_name(name), folder_name(Path(name).stem))


def _is_old(folder: str) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - os.stat(folder).st_mtime > _YOUNG_S
    return False


def _are_gone(pids: Sequence[int], timeout_s: float) -> bool:
    """Wait for processes that are not our children."""
    import select

    give_up_at = time.monotonic() + timeout_s
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            if not poll.poll(max(0.0, give_up_at - time.monotonic()) * 1000):
                return False
        finally:
            os.close(pidfd)
    return True
