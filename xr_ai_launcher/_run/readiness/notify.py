"""systemd's notify protocol: a datagram socket per role on which it says READY=1 and STATUS=…"""

import array
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Mapping

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_MESSAGE_BYTES = 64 << 10
_ANCILLARY_BYTES = 512

MessageCallback = Callable[[Mapping[str, str]], None]
StrangerCallback = Callable[[int], None]


class NotifySocket:
    """Receives what one life of a role says. Anyone who is not of the role is reported and ignored."""

    def __init__(self, path: str, is_member: Callable[[int], bool]) -> None:
        self.path = path
        self._is_member = is_member
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket.bind(path)

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._socket.fileno()

    def receive(self, on_message: MessageCallback, on_stranger: StrangerCallback) -> None:
        """Take every message that has arrived."""
        while True:
            try:
                data, ancillary, _flags, _sender = self._socket.recvmsg(_MESSAGE_BYTES, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            try:
                self._take(data, _sender_pid(ancillary), on_message, on_stranger)
            finally:
                # A helper that sent a barrier waits for this; it must stay alive until its sender is known.
                _close_passed_files(ancillary)

    def close(self) -> None:
        """Close and remove the socket."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _take(self, data: bytes, pid: int, on_message: MessageCallback, on_stranger: StrangerCallback) -> None:
        fields = dict(line.split("=", 1) for line in data.decode(errors="replace").split("\n") if "=" in line)
        if self._is_member(pid):
            on_message(fields)
        else:
            on_stranger(pid)


def _sender_pid(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack_from(data)[0])
    return 0


def _close_passed_files(ancillary: list[tuple[int, int, bytes]]) -> None:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files = array.array("i")
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
            for fd in files:
                os.close(fd)
