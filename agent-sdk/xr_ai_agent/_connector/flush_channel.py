"""A second line from the hub, on which a flush has no speech ahead of it."""

from collections.abc import Callable

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.refusal import RefusalWatch
from xr_ai_agent._net.sockets import SocketReader, open_socket
from xr_ai_agent._wire import topics


class FlushChannel:
    """A SUB to this connector's inbox at the address that a hub announces for frame signals.

    Until it is connected, and after a loss, flushes come behind the speech: the hub sends each there as well.
    """

    def __init__(self, connector_id: str, handle: Callable[[list[bytes]], None], losses: LossCounter) -> None:
        self._inbox = topics.inbox(connector_id)
        self._handle = handle
        self._losses = losses
        self._socket: zmq.Socket[bytes] | None = None
        self._reader: SocketReader | None = None
        self._refusal: RefusalWatch | None = None
        self._address = ""

    def open(self, address: str, connect: Callable[[zmq.Socket[bytes], str], RefusalWatch | None]) -> None:
        """Connect; a hub that restarted at the same address is found by ZeroMQ itself."""
        if address == self._address:
            return
        self.close()
        self._socket = open_socket(zmq.SUB)
        self._socket.subscribe(self._inbox)
        self._reader = SocketReader(self._socket, self._handle, self._losses)
        try:
            self._refusal = connect(self._socket, address)
        except zmq.ZMQError as error:
            self._losses.count("announced address unusable", f"{address}: {error}")
            self.close()
            return
        self._address = address
        self._reader.start()
        if self._refusal is not None:
            self._refusal.start()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._refusal is not None:
            self._refusal.close()
            self._refusal = None
        if self._socket is not None and self._reader is not None:
            self._reader.stop()
            self._socket.close()
        self._socket = self._reader = None
        self._address = ""
