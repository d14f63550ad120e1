"""Where shared frames live, and a private folder there that disappears with its owner."""

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
