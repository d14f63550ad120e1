"""The folders of one run: sockets in a short private path, logs where they outlive the run."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xr_ai_launcher._run.errors import RunDirError

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from socket import socket

_APP = "xrstack"
_KEPT_RUNS = 20
_LOCK_NAME = "lock"
LOGS_LINK = "logs"
LATEST_LINK = "latest"
_PERSISTENT_FOLDER = "persist"
# sun_path holds 108 bytes with its final zero; roles put sockets of their own below our folder.
_LONGEST_RUNTIME_PATH = 70


@dataclass(frozen=True, slots=True)
class RunDir:
    """``runtime`` is removed when the run ends; ``logs`` stays, the newest runs of each stack."""

    run_id: str
    runtime: Path
    logs: Path
    lock: int = -1
    """Open and locked while a process of the launcher lives; see `is_locked`."""
    persists: str = ""
    """The role that this run keeps for later runs; empty for an ordinary run."""
    control: socket | None = None
    """The control socket, if it had to be there before the run."""

    def remove_runtime(self) -> None:
        """Remove sockets and whatever roles left in ``XR_RUN_DIR``."""
        remove_run_dir(self.runtime)


def create_run_dir(stack: str, environment: Mapping[str, str], persists: str = "") -> RunDir:
    """Make the folders for a new run of ``stack``, below XDG_RUNTIME_DIR and XDG_STATE_HOME or their defaults.

    Runs that keep a role (``persists``) have their logs apart, so that the stack's newest are its own.

    Raises:
        RunDirError: a folder cannot be made, or is not ours alone.
    """
    name = folder_name(stack)
    run_id = f"{name}-{os.urandom(3).hex()}"
    state = state_root(environment) / name
    if persists:
        state = state / _PERSISTENT_FOLDER / folder_name(persists)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    runtime, logs = runtime_root(environment) / run_id, state / f"{stamp}-{run_id[-6:]}"
    try:
        runtime.mkdir(mode=0o700)
        lock = _lock(runtime)
        logs.mkdir(mode=0o700, parents=True)
        (runtime / LOGS_LINK).symlink_to(logs)
    except OSError as error:
        raise RunDirError(f"{error.filename}: cannot be made: {error.strerror}") from error
    _point_latest(state, logs)
    _forget_old_runs(state)
    return RunDir(run_id, runtime, logs, lock, persists)


def is_locked(runtime: Path) -> bool:
    """Whether the launcher of a run still lives; if not, what is in the folder is what it left when it was killed."""
    try:
        file = os.open(runtime / _LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def run_dirs(environment: Mapping[str, str]) -> list[Path]:
    """Return the private folders of all runs of this user, those that were left behind included."""
    root = runtime_root(environment)
    return sorted(Path(entry.path) for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))


def remove_run_dir(runtime: Path) -> None:
    """Remove the private folder of a run that has ended."""
    _remove_tree(runtime)


def folder_name(stack: str) -> str:
    """Return the name of a stack as folders have it."""
    return re.sub(r"[^\w.-]", "_", stack)[:24] or "stack"


def state_root(environment: Mapping[str, str]) -> Path:
    """Return where logs and records of all stacks of this user live."""
    home = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home) / _APP


def runtime_root(environment: Mapping[str, str]) -> Path:
    """Return where the private folders of all runs of this user are.

    It is the first private place whose path leaves room for socket names; /tmp always does.
    """
    user = os.getuid()
    for base in (environment.get("XDG_RUNTIME_DIR"), f"/run/user/{user}"):
        if base and len(base) <= _LONGEST_RUNTIME_PATH and os.access(base, os.W_OK) and os.stat(base).st_uid == user:
            return _private_folder(Path(base) / _APP)
    temporary = environment.get("TMPDIR") or "/tmp"
    base = temporary if len(temporary) <= _LONGEST_RUNTIME_PATH and os.access(temporary, os.W_OK) else "/tmp"
    return _private_folder(Path(base) / f"{_APP}-{user}")


def _lock(runtime: Path) -> int:
    file = os.open(runtime / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _private_folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise RunDirError(f"{path}: cannot be made: {error.strerror}") from error
    if not path.is_dir() or path.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RunDirError(f"{path}: must be a folder of yours alone (mode 0700); remove it, it is made anew")
    return path


def _point_latest(state: Path, logs: Path) -> None:
    link, fresh = state / LATEST_LINK, state / f".latest-{logs.name}"
    fresh.symlink_to(logs.name)
    fresh.replace(link)


def _forget_old_runs(state: Path) -> None:
    runs = sorted(entry.name for entry in os.scandir(state) if entry.name[:1].isdigit() and entry.is_dir())
    for name in runs[:-_KEPT_RUNS]:
        _remove_tree(state / name)


def _remove_tree(path: Path) -> None:
    try:
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(Path(entry.path))
            else:
                os.unlink(entry.path)
        path.rmdir()
    except OSError:
        pass  # someone else's file in it, or someone else was faster
