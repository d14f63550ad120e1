"""Frame signals on a socket of their own, so that many of them never push out sound, data, joins and leaves."""

from collections.abc import Callable, Iterable

import zmq

from xr_ai_agent._net.line import Dialer, Handler, Line
from xr_ai_agent._net.markers import SubscriptionMarkers
from xr_ai_agent._net.sockets import open_socket
from xr_ai_agent._wire import topics

# Four seconds of 32 cameras; an agent this far behind skips to the newest anyway.
_HWM_MESSAGES = 4_000


class VideoChannel:
    """A SUB at the address a hub announces. It carries joins and leaves as well, in order with the signals."""

    def __init__(self, agent_id: str, handle: Handler, end_batch: Callable[[bool], None], dialer: Dialer) -> None:
        self._handle = handle
        self._end_batch = end_batch
        self._dialer = dialer
        self._line: Line | None = None
        self.markers = SubscriptionMarkers(agent_id, self.subscribe, self.unsubscribe)
        self.is_live = False
        """Whether every signal arrives here, and none has to come through the hub's contract socket."""

    async def open(self, address: str, wanted: Callable[[], Iterable[bytes]]) -> None:
        """Connect; return when the hub sees the subscriptions of ``wanted()``: then `is_live`, unless closed since.

        Raises ZMQError.
        """
        self.close()
        socket = open_socket(zmq.SUB)
        socket.rcvhwm = _HWM_MESSAGES
        line = self._line = self._dialer.dial(socket, address, self._on_message, self._end_batch)
        line.start()
        await self.markers.wait()
        # Connected. Only now do subscriptions reach the hub in the order in which they are made.
        self.subscribe(topics.PARTICIPANT)
        for topic in wanted():
            self.subscribe(topic)
        self.markers.repeat()
        await self.markers.wait()
        self.is_live = self._line is line

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic here."""
        if self._line is not None:
            self._line.subscribe(topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        if self._line is not None:
            self._line.unsubscribe(topic)

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._line is not None:
            self._line.close()
        self._line = None
        self.is_live = False

    def _on_message(self, parts: list[bytes]) -> None:
        self._handle(parts)
        if self.markers.is_waiting:
            self.markers.on_topic(parts[0])
