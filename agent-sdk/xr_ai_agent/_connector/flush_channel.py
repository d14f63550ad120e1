"""A second line from the hub, on which a flush has no speech ahead of it."""

import zmq

from xr_ai_agent._net.line import AnnouncedLine, Dialer, Handler
from xr_ai_agent._net.sockets import open_socket
from xr_ai_agent._wire import topics


class FlushChannel(AnnouncedLine):
    """A SUB to this connector's inbox at the address that a hub announces for frame signals.

    Until it is connected, and after a loss, flushes come behind the speech: the hub sends each there as well.
    """

    def __init__(self, connector_id: str, handle: Handler, dialer: Dialer) -> None:
        super().__init__(handle, dialer)
        self._inbox = topics.inbox(connector_id)

    def open(self, address: str) -> None:
        """Connect; where that cannot be, which is counted, flushes come behind the speech alone."""
        try:
            super().open(address)
        except zmq.ZMQError as error:
            self._dialer.losses.count("announced address unusable", f"{address}: {error}")

    def _new_socket(self) -> zmq.Socket[bytes]:
        socket = open_socket(zmq.SUB)
        socket.subscribe(self._inbox)
        return socket
