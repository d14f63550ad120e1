"""An agent's own line to the hub: requests that must not wait behind sound, and answers nobody else can read."""

import zmq

from xr_ai_agent._net.line import AnnouncedLine, Dialer, Handler
from xr_ai_agent._net.sockets import open_socket

# Requests, releases and reports are small and answered at once.
_HWM_MESSAGES = 1_000


class ControlChannel(AnnouncedLine):
    """A DEALER whose identity is the agent's id."""

    def __init__(self, agent_id: str, handle: Handler, dialer: Dialer) -> None:
        super().__init__(handle, dialer)
        self._agent_id = agent_id

    @property
    def is_open(self) -> bool:
        """Whether a hub announced such a channel."""
        return self._line is not None

    def send_now(self, frame: bytes) -> bool:
        """Queue a message if there is room; returns whether it was taken."""
        return self._line is not None and self._line.send_now(frame)

    def _new_socket(self) -> zmq.Socket[bytes]:
        socket = open_socket(zmq.DEALER)
        socket.setsockopt(zmq.IDENTITY, self._agent_id.encode())
        socket.sndhwm = socket.rcvhwm = _HWM_MESSAGES
        return socket
