"""An agent's own line to the hub: requests that must not wait behind sound, and answers nobody else can read."""

import zmq

from xr_ai_agent._net.line import Dialer, Handler, Line
from xr_ai_agent._net.sockets import open_socket

# Requests, releases and reports are small and answered at once.
_HWM_MESSAGES = 1_000


class ControlChannel:
    """A DEALER whose identity is the agent's id; opened at the address a hub announces."""

    def __init__(self, agent_id: str, handle: Handler, dialer: Dialer) -> None:
        self._agent_id = agent_id
        self._handle = handle
        self._dialer = dialer
        self._line: Line | None = None
        self._address = ""

    @property
    def is_open(self) -> bool:
        """Whether a hub announced such a channel."""
        return self._line is not None

    def open(self, address: str) -> None:
        """Connect; a hub that restarted at the same address is found by ZeroMQ itself. Raises ZMQError."""
        if address == self._address:
            return
        self.close()
        socket = open_socket(zmq.DEALER)
        socket.setsockopt(zmq.IDENTITY, self._agent_id.encode())
        socket.sndhwm = socket.rcvhwm = _HWM_MESSAGES
        self._line = self._dialer.dial(socket, address, self._handle)
        self._address = address
        self._line.start()

    def send_now(self, frame: bytes) -> bool:
        """Queue a message if there is room; returns whether it was taken."""
        return self._line is not None and self._line.send_now(frame)

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._line is not None:
            self._line.close()
        self._line = None
        self._address = ""
