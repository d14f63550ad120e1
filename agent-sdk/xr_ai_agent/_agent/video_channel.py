"""Frame signals on a socket of their own, so that many of them never push out sound, data, joins and leaves."""

from collections.abc import Callable, Iterable

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.markers import SubscriptionMarkers
from xr_ai_agent._net.refusal import RefusalWatch
from xr_ai_agent._net.sockets import SocketReader, open_socket
from xr_ai_agent._wire import topics

# Four seconds of 32 cameras; an agent this far behind skips to the newest anyway.
_HWM_MESSAGES = 4_000


class VideoChannel:
    """A SUB at the address a hub announces. It carries joins and leaves as well, in order with the signals."""

    def __init__(
        self,
        agent_id: str,
        handle: Callable[[list[bytes]], None],
        end_batch: Callable[[bool], None],
        losses: LossCounter,
    ) -> None:
        self._agent_id = agent_id
        self._handle = handle
        self._end_batch = end_batch
        self._losses = losses
        self._socket: zmq.Socket[bytes] | None = None
        self._reader: SocketReader | None = None
        self._refusal: RefusalWatch | None = None
        self.markers = SubscriptionMarkers(agent_id, self.subscribe, self.unsubscribe)
        self.is_live = False
        """Whether every signal arrives here, and none has to come through the hub's contract socket."""

    async def open(
        self,
        address: str,
        connect: Callable[[zmq.Socket[bytes], str], RefusalWatch | None],
        wanted: Callable[[], Iterable[bytes]],
    ) -> None:
        """Connect; return when the hub sees the subscriptions of ``wanted()``: then `is_live`, unless closed since."""
        self.close()
        self._socket = socket = open_socket(zmq.SUB)
        self._socket.rcvhwm = _HWM_MESSAGES
        self._reader = SocketReader(self._socket, self._on_message, self._losses, self._end_batch)
        self._refusal = connect(self._socket, address)
        self._reader.start()
        await self.markers.wait()
        # Connected. Only now do subscriptions reach the hub in the order in which they are made.
        self.subscribe(topics.PARTICIPANT)
        for topic in wanted():
            self.subscribe(topic)
        self.markers.repeat()
        await self.markers.wait()
        self.is_live = self._socket is socket

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic here."""
        if self._socket is not None and self._reader is not None:
            self._socket.subscribe(topic)
            self._reader.check()

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        if self._socket is not None and self._reader is not None:
            self._socket.unsubscribe(topic)
            self._reader.check()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._refusal is not None:
            self._refusal.close()
        if self._socket is not None and self._reader is not None:
            self._reader.stop()
            self._socket.close()
        self._socket = self._reader = self._refusal = None
        self.is_live = False

    def _on_message(self, parts: list[bytes]) -> None:
        self._handle(parts)
        if self.markers.is_waiting:
            self.markers.on_topic(parts[0])
