"""A publishing socket that knows what is subscribed, so that what nobody hears costs nothing."""

from collections.abc import Callable
from typing import Final

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.backlog import LARGE_BYTES, Backlog
from xr_ai_agent._net.sockets import SocketReader

# Of large messages, for the slowest of all subscribers: they share the memory of each message.
_WAITING_MAX_BYTES: Final = 512 * 2**20
# Topics whose answer is remembered; more than all tracks of a full hub.
_REMEMBERED_MAX: Final = 4096
# As plain integers: arithmetic on enum members costs more than the call they are for.
_NOBLOCK: Final = int(zmq.NOBLOCK)
_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)


class Publisher:
    """Sends (topic, frame) to whoever subscribed to a prefix of the topic.

    Never blocks: for a subscriber whose queue is full ZeroMQ drops the message, which that subscriber notices by the
    stream's counts. Large messages that somebody does not fetch fill the hub's memory; when they have filled what is
    theirs, the next ones are dropped for everybody, until they are fetched or that subscriber is gone.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], on_subscription: Callable[[bytes, bool], None], losses: LossCounter
    ) -> None:
        """``socket`` is an XPUB: a PUB that also tells who subscribed (XPUB_VERBOSE: each subscriber's)."""
        self.published = 0
        """Messages that somebody listened to."""
        self._socket = socket
        self._on_subscription = on_subscription
        self._losses = losses
        self._reader = SocketReader(socket, self._on_message, losses)
        self._backlog = Backlog(_WAITING_MAX_BYTES)
        self._topics: set[bytes] = set()
        self._is_heard: dict[bytes, bool] = {}

    def start(self) -> None:
        """Begin to notice subscriptions on the running loop."""
        self._reader.start()

    def stop(self) -> None:
        """Notice no more."""
        self._reader.stop()

    def is_heard(self, topic: bytes) -> bool:
        """Whether anybody subscribed to a prefix of a topic."""
        known = self._is_heard.get(topic)
        if known is None:
            if len(self._is_heard) >= _REMEMBERED_MAX:
                self._is_heard.clear()
            known = self._is_heard[topic] = topic.startswith(tuple(self._topics))
        return known

    def send(self, topic: bytes, frame: bytes) -> None:
        """Publish, unless nobody would hear it or the socket is closed."""
        if not self.is_heard(topic) or self._socket.closed:
            return
        if len(frame) < LARGE_BYTES:
            self._socket.send(topic, _MORE)
            self._socket.send(frame, _NOBLOCK)
        elif self._backlog.has_room(len(frame)):
            self._socket.send(topic, _MORE)
            self._backlog.send(self._socket, frame, _NOBLOCK)
        else:
            self._losses.count(
                "large message dropped",
                f"{len(frame)} bytes; {_WAITING_MAX_BYTES} wait already for an agent that does not read",
            )
            return
        self.published += 1
        # Sending may swallow the edge that announces a subscription.
        self._reader.check_swallowed()

    def _on_message(self, parts: list[bytes]) -> None:
        is_open, topic = parts[0][:1] == b"\x01", parts[0][1:]
        if is_open:
            self._topics.add(topic)
        else:
            # Told when the last subscriber is gone.
            self._topics.discard(topic)
        self._is_heard.clear()
        self._on_subscription(topic, is_open)
