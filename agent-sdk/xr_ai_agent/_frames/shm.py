"""Where shared frames live, and what lies there: folders and files that a later process removes if their owner died."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "xr-media-hub-"
_LOCK_NAME = "lock"
# A folder without a lock file is somebody starting up, unless it is this old.
_YOUNG_S = 60.0


def shm_root() -> Path:
    """Return the memory-backed folder of this system, else its temporary folder."""
    root = Path("/dev/shm")
    return root if root.is_dir() and os.access(root, os.W_OK) else Path(tempfile.gettempdir())


class ShmFolder:
    """A folder (0700) for this process' rings; the folders of dead processes are removed on creation."""

    def __init__(self, root: Path | None = None) -> None:
        root = root or shm_root()
        sweep_stale_folders(root)
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-", dir=root))
        # The lock, not a process id, says whether the owner lives: ids are reused and differ between containers.
        self._lock_fd = os.open(self.path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX)

    @property
    def capacity_bytes(self) -> int:
        """Size of the file system that the rings share with everybody else, full or not."""
        system = os.statvfs(self.path)
        return system.f_frsize * system.f_blocks

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self._lock_fd)


def sweep_stale_folders(root: Path) -> None:
    """Remove the folders of this user's hubs that died without doing so."""
    for folder in root.glob(f"{_PREFIX}{os.getuid()}-*"):
        with contextlib.suppress(OSError):
            if _is_stale(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    try:
        fd = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _YOUNG_S
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def create_owned(path: Path) -> int:
    """Create a file (0600) that is locked for as long as its owner lives; one that a dead owner left is replaced.

    Returns its descriptor, which the owner keeps open.

    Raises:
        FileExistsError: a living process owns a file of this name.
    """
    remove_ownerless(path)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd
        # Somebody who swept found it before it was locked.
        os.close(fd)


def remove_ownerless(path: Path) -> None:
    """Remove a file of `create_owned` whose owner has died; nothing happens where it lives, or where no file is."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Under its lock nobody else removes it; a name without it may be another's by now.
        if os.fstat(fd).st_nlink:
            path.unlink()
    except BlockingIOError:
        return
    finally:
        os.close(fd)
