"""A second line from the hub, on which a flush has no speech ahead of it."""

import zmq

from xr_ai_agent._net.line import Dialer, Handler, Line
from xr_ai_agent._net.sockets import open_socket
from xr_ai_agent._wire import topics


class FlushChannel:
    """A SUB to this connector's inbox at the address that a hub announces for frame signals.

    Until it is connected, and after a loss, flushes come behind the speech: the hub sends each there as well.
    """

    def __init__(self, connector_id: str, handle: Handler, dialer: Dialer) -> None:
        self._inbox = topics.inbox(connector_id)
        self._handle = handle
        self._dialer = dialer
        self._line: Line | None = None
        self._address = ""

    def open(self, address: str) -> None:
        """Connect; a hub that restarted at the same address is found by ZeroMQ itself."""
        if address == self._address:
            return
        self.close()
        try:
            self._line = self._dialer.dial(open_socket(zmq.SUB), address, self._handle)
        except zmq.ZMQError as error:
            self._dialer.losses.count("announced address unusable", f"{address}: {error}")
            return
        self._address = address
        self._line.subscribe(self._inbox)
        self._line.start()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._line is not None:
            self._line.close()
        self._line = None
        self._address = ""
