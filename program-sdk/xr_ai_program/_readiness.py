"""Telling the launcher: ready, and what is going on until then (systemd's notify protocol and a ready file)."""

import logging
import os
import socket
from pathlib import Path

logger = logging.getLogger(__name__)


class Readiness:
    """Reports state to whoever started this program.

    Speaks sd_notify(3) when ``NOTIFY_SOCKET`` is set and touches ``ready_file`` when one was given; else it is silent.
    """

    def __init__(self, ready_file: Path | None = None, notify_socket: str | None = None) -> None:
        self._ready_file = ready_file
        self._address = notify_socket if notify_socket is not None else os.environ.get("NOTIFY_SOCKET")
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether `ready` was called."""
        return self._is_ready

    def status(self, text: str) -> None:
        """Show one line of progress beside the program's name."""
        self._send(f"STATUS={text}")

    def ready(self, text: str = "") -> None:
        """Say once that the program is usable now; later calls only update the status line."""
        if not self._is_ready:
            self._is_ready = True
            if self._ready_file is not None:
                self._ready_file.parent.mkdir(parents=True, exist_ok=True)
                self._ready_file.touch()
            self._send("READY=1" + (f"\nSTATUS={text}" if text else ""))
            # Whoever listens on the notify socket shows it beside the program's name; said twice it is noise.
            logger.log(logging.DEBUG if self._address else logging.INFO, "ready%s", f": {text}" if text else "")
        elif text:
            self.status(text)

    def alive(self) -> None:
        """Give a sign of life."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the program is on its way out."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # An address that starts with "@" is in Linux' abstract namespace (sd_notify(3)).
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.sendto(message.encode(), address)
        except OSError as error:
            logger.debug("notify socket %s: %s", self._address, error)
