"""The folders of one run: sockets in a short private path, logs where they outlive the run.

Paths are text here, as in all that has to be loaded before the first role starts: pathlib takes 8 ms to import.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Mapping

from xr_ai_launcher._dataclasses import dataclass
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
    runtime: str
    logs: str
    lock: int = -1
    """Open and locked while a process of the launcher lives; see `is_locked`."""
    persists: str = ""
    """The role that this run keeps for later runs; empty for an ordinary run."""
    control: socket | None = None
    """The control socket, if it had to be there before the run."""

    def forget_older_runs(self) -> None:
        """Remove the logs of all runs of this stack but the newest; nothing that a start has to wait for."""
        _forget_old_runs(os.path.dirname(self.logs))

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
    state = os.path.join(state_root(environment), name)
    if persists:
        state = os.path.join(state, _PERSISTENT_FOLDER, folder_name(persists))
    stamp = time.strftime("%Y%m%d-%H%M%S")
    runtime = os.path.join(runtime_root(environment), run_id)
    logs = os.path.join(state, f"{stamp}-{run_id[-6:]}")
    try:
        os.mkdir(runtime, 0o700)
        lock = _lock(runtime)
        os.makedirs(state, exist_ok=True)
        os.mkdir(logs, 0o700)
        os.symlink(logs, os.path.join(runtime, LOGS_LINK))
    except OSError as error:
        raise RunDirError(f"{error.filename}: cannot be made: {error.strerror}") from error
    _point_latest(state, logs)
    return RunDir(run_id, runtime, logs, lock, persists)


def is_locked(runtime: str) -> bool:
    """Whether the launcher of a run still lives; if not, what is in the folder is what it left when it was killed."""
    try:
        file = os.open(os.path.join(runtime, _LOCK_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def run_dirs(environment: Mapping[str, str]) -> list[str]:
    """Return the private folders of all runs of this user, those that were left behind included."""
    root = runtime_root(environment)
    return sorted(entry.path for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))


def remove_run_dir(runtime: str) -> None:
    """Remove the private folder of a run that has ended."""
    _remove_tree(runtime)


def folder_name(stack: str) -> str:
    """Return the name of a stack as folders have it."""
    return "".join(each if each.isalnum() or each in "_.-" else "_" for each in stack)[:24] or "stack"


def state_root(environment: Mapping[str, str]) -> str:
    """Return where logs and records of all stacks of this user live."""
    home = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, _APP)


def runtime_root(environment: Mapping[str, str]) -> str:
    """Return where the private folders of all runs of this user are.

    It is the first private place whose path leaves room for socket names; /tmp always does.
    """
    user = os.getuid()
    for base in (environment.get("XDG_RUNTIME_DIR"), f"/run/user/{user}"):
        if base and len(base) <= _LONGEST_RUNTIME_PATH and os.access(base, os.W_OK) and os.stat(base).st_uid == user:
            return _private_folder(os.path.join(base, _APP))
    temporary = environment.get("TMPDIR") or "/tmp"
    base = temporary if len(temporary) <= _LONGEST_RUNTIME_PATH and os.access(temporary, os.W_OK) else "/tmp"
    return _private_folder(os.path.join(base, f"{_APP}-{user}"))


def _lock(runtime: str) -> int:
    file = os.open(os.path.join(runtime, _LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _private_folder(path: str) -> str:
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        found = os.lstat(path)
    except OSError as error:
        raise RunDirError(f"{path}: cannot be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RunDirError(f"{path}: must be a folder of yours alone (mode 0700); remove it, it is made anew")
    return path


def _point_latest(state: str, logs: str) -> None:
    name = os.path.basename(logs)
    fresh = os.path.join(state, f".latest-{name}")
    os.symlink(name, fresh)
    os.replace(fresh, os.path.join(state, LATEST_LINK))


def _forget_old_runs(state: str) -> None:
    runs = sorted(entry.name for entry in os.scandir(state) if entry.name[:1].isdigit() and entry.is_dir())
    for name in runs[:-_KEPT_RUNS]:
        _remove_tree(os.path.join(state, name))


def _remove_tree(path: str) -> None:
    try:
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(entry.path)
            else:
                os.unlink(entry.path)
        os.rmdir(path)
    except OSError:
        pass  # someone else's file in it, or someone else was faster
