"""Locks of the kernel's on single bytes of a frame ring's file, by which readers hold slots without asking anybody.

A reader locks a slot (shared) and then looks whether the frame is still there; the writer locks a slot (exclusive)
before it writes there, and takes another one if it cannot. So neither has to wait, and no order of memory accesses has
to be trusted. The locks belong to an open file (Linux' F_OFD_SETLK): whoever dies loses them.
"""

import fcntl
import os
import struct
from typing import Final

# struct flock: type, whence, start, length, process (0 for these locks).
_FLOCK: Final = struct.Struct("hhqqi4x")
_SET: Final = getattr(fcntl, "F_OFD_SETLK", None)
_GET: Final = getattr(fcntl, "F_OFD_GETLK", None)

IS_SUPPORTED: Final = _SET is not None and _GET is not None
"""Whether this system has such locks; without them nobody holds any."""


class SlotLocks:
    """The locks of one open file, which has none in common with any other opening of the same file."""

    def __init__(self, fd: int) -> None:
        """``fd`` stays the caller's to close; to `take` it has to be open for writing."""
        self._fd = fd

    def share(self, at: int) -> bool:
        """Lock a byte together with others who share it; returns whether it is so now."""
        return IS_SUPPORTED and self._set(fcntl.F_RDLCK, at) is None

    def take(self, at: int) -> bool:
        """Lock a byte for this file alone; returns False when somebody else has locked it."""
        # Where the system refuses for another reason, it refused the others as well.
        return not IS_SUPPORTED or not isinstance(self._set(fcntl.F_WRLCK, at), (BlockingIOError, PermissionError))

    def drop(self, at: int) -> None:
        """Unlock a byte; one that is not locked is not an error."""
        if IS_SUPPORTED:
            self._set(fcntl.F_UNLCK, at)

    def is_locked(self, at: int) -> bool:
        """Whether any other opening of the file has locked a byte."""
        if _GET is None:
            return False
        try:
            answer = fcntl.fcntl(self._fd, _GET, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0))
        except OSError:
            return False
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)

    def _set(self, kind: int, at: int) -> OSError | None:
        assert _SET is not None
        try:
            fcntl.fcntl(self._fd, _SET, _FLOCK.pack(kind, os.SEEK_SET, at, 1, 0))
        except OSError as error:
            return error
        return None
