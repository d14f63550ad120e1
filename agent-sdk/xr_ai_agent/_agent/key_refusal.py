"""Noticing that the hub refuses this agent's key, saying so, and trying again: ZeroMQ itself gives up in silence."""

import asyncio
import contextlib
import logging
from typing import Final

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.sockets import SocketReader

# Somebody copies a file meanwhile; each attempt costs the hub a handshake and a look into a folder.
_RETRY_AFTER_S: Final = 5.0


class KeyRefusal:
    """Watches one socket that proves who it is by ``keys``."""

    def __init__(self, socket: zmq.Socket[bytes], address: str, keys: CurveKeys, losses: LossCounter) -> None:
        self._socket = socket
        self._address = address
        self._keys = keys
        self._losses = losses
        self._has_told = False
        self._retry: asyncio.TimerHandle | None = None
        self._monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        self._reader = SocketReader(self._monitor, self._on_refused, losses)

    def start(self) -> None:
        """Begin to watch on the running loop."""
        self._reader.start()

    def close(self) -> None:
        """Watch no more, and try no more; before the socket itself is closed."""
        self._reader.stop()
        if self._retry is not None:
            self._retry.cancel()
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disable_monitor()
        self._monitor.close(linger=0)

    def _on_refused(self, _: list[bytes]) -> None:
        public = self._keys.client_key.with_suffix(".key").name
        self._losses.count(
            "key refused",
            f"the hub at {self._address} does not know the key of {self._keys.client_key}; copy {public} into the "
            f"hub's folder of client keys; trying again every {_RETRY_AFTER_S:g} s",
            level=logging.DEBUG if self._has_told else logging.WARNING,
        )
        self._has_told = True
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_AFTER_S, self._reconnect)

    def _reconnect(self) -> None:
        self._retry = None
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)
