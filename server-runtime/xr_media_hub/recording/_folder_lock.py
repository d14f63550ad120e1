"""One hub at a time in a folder of recordings: another one would take what is being written for leftovers."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

__all__ = ("FolderLock", "FolderTakenError")

_NAME = ".lock"
_HOLDER_BYTES = 100


class FolderTakenError(OSError):
    """Another hub records into the folder; the text says which."""


class FolderLock:
    """Held from its making to `release`, or until this process ends, however it does."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which exists.

        Raises:
            FolderTakenError: another hub has it.
            OSError: it cannot be written.
        """
        self._path = folder / _NAME
        self._descriptor = _taken(self._path)

    @property
    def is_in_place(self) -> bool:
        """Whether the lock is still where others look for it: folders are deleted by hand."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def renew(self) -> None:
        """Take the folder again after it was deleted and made anew. Raises as the constructor does."""
        self.release()
        self._descriptor = _taken(self._path)

    def release(self) -> None:
        """Leave the folder to others; safe to call again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _taken(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, _HOLDER_BYTES, 0).decode("ascii", "replace")
        os.close(descriptor)
        raise FolderTakenError(f"another hub ({holder or 'that has just started'}) records into it") from None
    except OSError:
        os.close(descriptor)
        raise
    with suppress(OSError):  # a full disk: the lock holds without saying whose it is
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
    return descriptor
