"""How the handshakes of a socket end: ZeroMQ says it on a monitor, and otherwise only by silence."""

import contextlib
from collections.abc import Callable
from typing import Final

import zmq
import zmq.utils.monitor

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.sockets import SocketReader

SUCCEEDED: Final = int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
UNKNOWN_KEY: Final = int(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
"""The other end knows its own key and not ours."""
BROKEN: Final = int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
"""The other end said what cannot be; `MISMATCH` and `UNDECIPHERABLE` say what."""
ENDED: Final = int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
"""The other end closed the connection."""
MISMATCH: Final = int(zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
"""One end has keys and the other has none."""
UNDECIPHERABLE: Final = int(zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)
"""What came was not made with this end's key."""


class HandshakeMonitor:
    """Calls ``on_end(how, detail)`` for each handshake of a socket that ended in one of the ways asked for."""

    def __init__(
        self, socket: zmq.Socket[bytes], ways: int, on_end: Callable[[int, int], None], losses: LossCounter
    ) -> None:
        self._socket = socket
        self._on_end = on_end
        self._monitor = socket.get_monitor_socket(ways)
        self._reader = SocketReader(self._monitor, self._on_message, losses)

    def start(self) -> None:
        """Begin to watch on the running loop."""
        self._reader.start()

    def stop(self) -> None:
        """Watch no more; what happens meanwhile is told after the next `start`."""
        self._reader.stop()

    def close(self) -> None:
        """Watch no more; before the socket itself is closed."""
        self._reader.stop()
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disable_monitor()
        self._monitor.close(linger=0)

    def _on_message(self, parts: list[bytes]) -> None:
        told = zmq.utils.monitor.parse_monitor_message(parts)
        self._on_end(int(told["event"]), int(told["value"]))
