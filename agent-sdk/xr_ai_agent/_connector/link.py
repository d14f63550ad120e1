"""A connector's sockets: the contract's two, and the one on which a hub of ours sends flushes ahead of speech."""

from collections.abc import Callable
from typing import Final

import zmq

from xr_ai_agent._connector.flush_channel import FlushChannel
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.markers import SubscriptionMarkers
from xr_ai_agent._net.refusal import RefusalWatch, connect_watched
from xr_ai_agent._net.sockets import PushSender, SocketReader, open_socket
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.addresses import reachable
from xr_ai_agent._wire.messages import HubWelcome

_PUSH_HWM_MESSAGES: Final = 1_000
# Pixels among them: half a second of a camera and a microphone.
_REMOTE_PUSH_HWM_MESSAGES: Final = 64
_SUB_HWM_MESSAGES: Final = 20_000

_Handler = Callable[[list[bytes]], None]


class ConnectorLink:
    """Connects to a hub, which may come, go and come back; says nothing and understands nothing by itself."""

    def __init__(
        self,
        connector_id: str,
        addresses: tuple[str, str],
        keys: CurveKeys | None,
        losses: LossCounter,
        on_published: _Handler,
        on_flush: _Handler,
    ) -> None:
        """Connect to (where the hub publishes, where it takes messages in), and listen to the hub's own word.

        ``on_flush`` takes what comes ahead of the rest. Raises KeyFileError.
        """
        self._sub_addr, push_addr = addresses
        self._keys = keys
        self._on_published = on_published
        self._push = open_socket(zmq.PUSH)
        self._push.sndhwm = _REMOTE_PUSH_HWM_MESSAGES if keys else _PUSH_HWM_MESSAGES
        self._sub = open_socket(zmq.SUB)
        self._sub.rcvhwm = _SUB_HWM_MESSAGES
        self.sender = PushSender(self._push, losses)
        self._reader = SocketReader(self._sub, self._on_message, losses)
        self._flushes = FlushChannel(connector_id, on_flush, losses)
        self._markers = SubscriptionMarkers(connector_id, self.subscribe, self.unsubscribe)
        self._is_closed = False
        self._losses = losses
        for topic in (topics.HUB, topics.inbox(connector_id)):
            self._sub.subscribe(topic)
        self._refusals = [self._connect(self._push, push_addr), self._connect(self._sub, self._sub_addr)]

    def start(self) -> None:
        """Begin to read on the running loop."""
        self._reader.start()
        self.sender.start()
        for refusal in self._refusals:
            if refusal is not None:
                refusal.start()

    def stop(self) -> None:
        """Read no more."""
        self._reader.stop()
        self._flushes.close()

    def close(self) -> None:
        """Disconnect."""
        self._is_closed = True
        self.stop()
        while self._refusals:
            if (refusal := self._refusals.pop()) is not None:
                refusal.close()
        self.sender.stop()
        self._push.close()
        self._sub.close()

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic."""
        if not self._is_closed:
            self._sub.subscribe(topic)
            self._reader.check()

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        if not self._is_closed:
            self._sub.unsubscribe(topic)
            self._reader.check()

    async def wait_subscribed(self) -> None:
        """Return once the hub sees every subscription made so far (v0.1 hubs never say so)."""
        await self._markers.wait()

    def follow(self, welcome: HubWelcome) -> None:
        """Use what a hub announces beside the contract's two sockets."""
        self._flushes.open(reachable(welcome.video, self._sub_addr), self._connect)

    def _connect(self, socket: zmq.Socket[bytes], address: str) -> RefusalWatch | None:
        return connect_watched(socket, address, self._keys, self._losses)

    def _on_message(self, parts: list[bytes]) -> None:
        self._markers.on_topic(parts[0])
        self._on_published(parts)
