"""What a launcher says to whoever started it: that the stack is ready, or why it stops (systemd's notify protocol)."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

__all__ = ("Notices",)

_MESSAGE_BYTES = 4096


class Notices:
    """A private socket for one launcher's messages. ``fileno`` is readable when there is something to `read`."""

    def __init__(self) -> None:
        self.is_ready = False
        self.reason = ""
        """Why the stack stops, in a sentence."""
        self._folder = tempfile.mkdtemp(prefix="xr-")  # short: a socket's path may have 108 bytes
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.bind(str(Path(self._folder) / "notify"))

    def environment(self) -> dict[str, str]:
        """Return the variables that tell the launcher whom to talk to."""
        return {"NOTIFY_SOCKET": self._socket.getsockname(), "XRSTACK_PARENT": str(os.getpid())}

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._socket.fileno()

    def read(self) -> None:
        """Take in every message that has come, without waiting."""
        while True:
            try:
                message = self._socket.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return
            fields = dict(line.partition("=")[::2] for line in message.decode(errors="replace").split("\n"))
            self.is_ready = self.is_ready or fields.get("READY") == "1"
            if fields.get("STOPPING") == "1":
                self.reason = fields.get("STATUS", "")

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)
