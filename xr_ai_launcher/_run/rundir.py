"""The folders of one run: sockets in a short private path, logs where they outlive the run."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xr_ai_launcher._run.errors import RunDirError

_APP = "xrstack"
_KEPT_RUNS = 20
# sun_path holds 108 bytes with its final zero; roles put sockets of their own below our folder.
_LONGEST_RUNTIME_PATH = 70


@dataclass(frozen=True, slots=True)
class RunDir:
    """``runtime`` is removed when the run ends; ``logs`` stays, the newest runs of each stack."""

    run_id: str
    runtime: Path
    logs: Path

    def remove_runtime(self) -> None:
        """Remove sockets and whatever roles left in ``XR_RUN_DIR``."""
        _remove_tree(self.runtime)


def create_run_dir(stack: str, environment: Mapping[str, str]) -> RunDir:
    """Make the folders for a new run of ``stack``, below XDG_RUNTIME_DIR and XDG_STATE_HOME or their defaults.

    Raises:
        RunDirError: a folder cannot be made, or is not ours alone.
    """
    name = re.sub(r"[^\w.-]", "_", stack)[:24] or "stack"
    run_id = f"{name}-{os.urandom(3).hex()}"
    state = state_root(environment) / name
    stamp = time.strftime("%Y%m%d-%H%M%S")
    runtime, logs = _runtime_root(environment) / run_id, state / f"{stamp}-{run_id[-6:]}"
    try:
        runtime.mkdir(mode=0o700)
        logs.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise RunDirError(f"{error.filename}: cannot be made: {error.strerror}") from error
    _point_latest(state, logs)
    _forget_old_runs(state)
    return RunDir(run_id, runtime, logs)


def state_root(environment: Mapping[str, str]) -> Path:
    """Return where logs and records of all stacks of this user live."""
    home = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home) / _APP


def _runtime_root(environment: Mapping[str, str]) -> Path:
    """The first private folder whose path leaves room for socket names; /tmp always does."""
    user = os.getuid()
    for base in (environment.get("XDG_RUNTIME_DIR"), f"/run/user/{user}"):
        if base and len(base) <= _LONGEST_RUNTIME_PATH and os.access(base, os.W_OK) and os.stat(base).st_uid == user:
            return _private_folder(Path(base) / _APP)
    temporary = environment.get("TMPDIR") or "/tmp"
    base = temporary if len(temporary) <= _LONGEST_RUNTIME_PATH and os.access(temporary, os.W_OK) else "/tmp"
    return _private_folder(Path(base) / f"{_APP}-{user}")


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
    link, fresh = state / "latest", state / f".latest-{logs.name}"
    fresh.symlink_to(logs.name)
    fresh.replace(link)


def _forget_old_runs(state: Path) -> None:
    runs = sorted(entry.name for entry in os.scandir(state) if entry.is_dir(follow_symlinks=False))
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
