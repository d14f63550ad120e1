"""Binding the hub's addresses so that a second hub is refused and strangers are kept out."""

import contextlib
import fcntl
import os
import socket as sockets
import time
from pathlib import Path
from typing import Final

import zmq

from xr_ai_agent._errors import AddressInUseError

_IPC: Final = "ipc://"
# Takes about a millisecond.
_CLOSE_MAX_S: Final = 1.0


class AddressLock:
    """Holds an ipc address for this process; ZeroMQ alone would silently take it from whoever has it."""

    def __init__(self, address: str) -> None:
        """Take the address.

        Raises:
            AddressInUseError: another hub, or another user, has it.
        """
        self._fd: int | None = None
        self._is_bound = False
        self._path = path = _socket_file(address)
        if path is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _not_ours(address, lock_path, error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise _in_use(address) from None
        if _answers(path):
            self.release()
            raise _in_use(address)

    def bound(self) -> None:
        """Note that a socket listens at the address; it is made private to this user."""
        if self._path is not None:
            self._path.chmod(0o600)
            self._is_bound = True

    def release(self) -> None:
        """Let another hub have the address; its socket is closed."""
        if self._path is not None and self._is_bound:
            # ZeroMQ closes in its own thread and leaves the file: until then the address would seem to be in use.
            _wait_until_closed(self._path)
            self._path.unlink(missing_ok=True)
            self._is_bound = False
        if self._fd is not None:
            # The lock file stays: removing it would let two hubs lock two different files of one name.
            os.close(self._fd)
            self._fd = None


def bind(socket: zmq.Socket[bytes], address: str) -> AddressLock:
    """Bind a socket to an address nobody else serves, readable by this user alone; returns the lock to keep.

    Raises:
        AddressInUseError: another hub (or program) serves the address, or another user has it.
    """
    lock = AddressLock(address)
    try:
        socket.bind(address)
        lock.bound()
    except zmq.ZMQError as error:
        lock.release()
        if error.errno == zmq.EADDRINUSE:
            raise _in_use(address) from error
        raise
    return lock


def _socket_file(address: str) -> Path | None:
    """Return where the socket of an ipc address will lie, wherever this process goes; None if it is no file."""
    name = address.removeprefix(_IPC)
    # "*" is a file of its own that nobody else can have.
    return None if name == address or name == "*" else Path(name).absolute()


def _wait_until_closed(path: Path) -> None:
    deadline = time.monotonic() + _CLOSE_MAX_S
    while _answers(path) and time.monotonic() < deadline:
        time.sleep(0.001)


def _answers(path: Path) -> bool:
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        return True
    return False


def _in_use(address: str) -> AddressInUseError:
    return AddressInUseError(
        f"{address}: another hub serves this address; stop it, or set XR_HUB_IN and XR_HUB_PUB to other addresses"
    )


def _not_ours(address: str, lock_path: Path, error: OSError) -> AddressInUseError:
    return AddressInUseError(
        f"{address}: {lock_path} cannot be locked ({error.strerror}); it may be another user's: set XR_HUB_IN and "
        "XR_HUB_PUB to addresses in a folder of your own"
    )
