"""An agent's own line to the hub: requests that must not wait behind sound, and answers nobody else can read."""

from collections.abc import Callable

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.refusal import RefusalWatch
from xr_ai_agent._net.sockets import SocketReader, open_socket

# Requests, releases and reports are small and answered at once.
_HWM_MESSAGES = 1_000


class ControlChannel:
    """A DEALER whose identity is the agent's id; opened at the address a hub announces."""

    def __init__(self, agent_id: str, handle: Callable[[list[bytes]], None], losses: LossCounter) -> None:
        self._agent_id = agent_id
        self._handle = handle
        self._losses = losses
        self._socket: zmq.Socket[bytes] | None = None
        self._reader: SocketReader | None = None
        self._refusal: RefusalWatch | None = None
        self._address = ""

    @property
    def is_open(self) -> bool:
        """Whether a hub announced such a channel."""
        return self._socket is not None

    def open(self, address: str, connect: Callable[[zmq.Socket[bytes], str], RefusalWatch | None]) -> None:
        """Connect; a hub that restarted at the same address is found by ZeroMQ itself."""
        if address == self._address:
            return
        self.close()
        self._socket = open_socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, self._agent_id.encode())
        self._socket.sndhwm = self._socket.rcvhwm = _HWM_MESSAGES
        self._reader = SocketReader(self._socket, self._handle, self._losses)
        try:
            self._refusal = connect(self._socket, address)
        except zmq.ZMQError:
            self.close()
            raise
        self._address = address
        self._reader.start()

    def send_now(self, frame: bytes) -> bool:
        """Queue a message if there is room; returns whether it was taken."""
        if self._socket is None or self._reader is None:
            return False
        try:
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        self._reader.check_swallowed()
        return True

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._refusal is not None:
            self._refusal.close()
        if self._socket is not None and self._reader is not None:
            self._reader.stop()
            self._socket.close()
        self._socket = self._reader = self._refusal = None
        self._address = ""
