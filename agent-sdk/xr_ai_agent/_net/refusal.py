"""Noticing that a hub does not let us in, saying why, and trying again: ZeroMQ does neither aloud."""

import asyncio
import contextlib
import logging
from typing import Final

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CLIENT_KEY_ENV, SERVER_KEY_ENV, CurveKeys
from xr_ai_agent._net.handshakes import BROKEN, ENDED, MISMATCH, SUCCEEDED, UNKNOWN_KEY, HandshakeMonitor

# Somebody copies a file meanwhile; each attempt costs the hub a handshake and a look into a folder.
_RETRY_AFTER_S: Final = 5.0
_NAME_BOTH: Final = f"name yours in {CLIENT_KEY_ENV} and the hub's in {SERVER_KEY_ENV}"
# A hub that starts or stops ends a handshake or two.
_ENDED_BEFORE_TOLD: Final = 3


class RefusalWatch:
    """Watches one socket that connects to a hub by TCP, with ``keys`` or without."""

    def __init__(self, socket: zmq.Socket[bytes], address: str, keys: CurveKeys | None, losses: LossCounter) -> None:
        self._socket = socket
        self._address = address
        self._keys = keys
        self._losses = losses
        self._ended = 0
        self._told: set[str] = set()
        self._retry: asyncio.TimerHandle | None = None
        ways = SUCCEEDED | UNKNOWN_KEY | BROKEN | ENDED
        self._monitor = HandshakeMonitor(socket, ways, self._on_end, losses)

    def start(self) -> None:
        """Begin to watch on the running loop."""
        self._monitor.start()

    def close(self) -> None:
        """Watch no more, and try no more; before the socket itself is closed."""
        if self._retry is not None:
            self._retry.cancel()
        self._monitor.close()

    def _on_end(self, how: int, detail: int) -> None:
        self._ended = self._ended + 1 if how == ENDED else 0
        if how == SUCCEEDED:
            self._told.clear()
        elif how == ENDED:
            # ZeroMQ goes on trying by itself.
            if self._ended >= _ENDED_BEFORE_TOLD:
                self._tell_ended()
        else:
            if how == UNKNOWN_KEY:
                self._tell_unknown()
            elif detail == MISMATCH:
                self._tell_mismatch()
            self._try_later()

    def _tell_unknown(self) -> None:
        assert self._keys is not None
        public = self._keys.client_key.with_suffix(".key").name
        self._tell(
            "key refused",
            f"does not know the key of {self._keys.client_key}; copy {public} into the hub's folder of client keys; "
            f"trying again every {_RETRY_AFTER_S:g} s",
        )

    def _tell_mismatch(self) -> None:
        if self._keys is None:
            self._tell("hub asks for a key", f"admits only who has a key; {_NAME_BOTH}")
        else:
            self._tell(
                "hub takes no key",
                f"serves this address without keys; connect to its remote ports, or leave {CLIENT_KEY_ENV} and "
                f"{SERVER_KEY_ENV} unset",
            )

    def _tell_ended(self) -> None:
        # It may also have closed before its word that the keys do not match was sent.
        if self._keys is None:
            self._tell("hub asks for a key", f"ends the handshake: it probably admits only who has a key; {_NAME_BOTH}")
        else:
            self._tell(
                "hub's key not right",
                f"ends the handshake: {self._keys.server_key} is probably not its key; copy the hub's public key "
                "again (or it takes no keys here, or is no hub)",
            )

    def _tell(self, kind: str, sentence: str) -> None:
        level = logging.DEBUG if kind in self._told else logging.WARNING
        self._losses.count(kind, f"the hub at {self._address} {sentence}", level=level)
        self._told.add(kind)

    def _try_later(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_AFTER_S, self._reconnect)

    def _reconnect(self) -> None:
        self._retry = None
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)


def connect_watched(
    socket: zmq.Socket[bytes], address: str, keys: CurveKeys | None, losses: LossCounter
) -> RefusalWatch | None:
    """Connect with keys or without; returns the watch to start, where the hub may refuse (TCP)."""
    if keys is not None:
        keys.apply(socket)
    watch = RefusalWatch(socket, address, keys, losses) if address.startswith("tcp://") else None
    try:
        socket.connect(address)
    except zmq.ZMQError:
        if watch is not None:
            watch.close()
        raise
    return watch
