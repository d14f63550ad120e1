"""The contract's two sockets, which every agent and every connector has: one to hear the hub, one to speak to it."""

from collections.abc import Callable
from typing import Final

import zmq

from xr_ai_agent._net.line import Dialer, Handler
from xr_ai_agent._net.markers import SubscriptionMarkers
from xr_ai_agent._net.sockets import PushSender, open_socket

_SUB_HWM_MESSAGES: Final = 20_000


class HubLink:
    """Connects to a hub, which may come, go and come back; says nothing and understands nothing by itself."""

    def __init__(
        self,
        endpoint_id: str,
        addresses: tuple[str, str],
        dialer: Dialer,
        push_hwm_messages: int,
        on_published: Handler,
        end_batch: Callable[[bool], None] | None = None,
    ) -> None:
        """Connect to (where the hub publishes, where it takes messages in); ``on_published`` takes what comes.

        Raises KeyFileError.
        """
        self._sub_addr, push_addr = addresses
        self._dialer = dialer
        self._on_published = on_published
        sub, push = open_socket(zmq.SUB), open_socket(zmq.PUSH)
        sub.rcvhwm, push.sndhwm = _SUB_HWM_MESSAGES, push_hwm_messages
        self._sub = dialer.dial(sub, self._sub_addr, self._on_message, end_batch)
        self._push = dialer.dial(push, push_addr)
        self.sender = PushSender(push, dialer.losses)
        self._markers = SubscriptionMarkers(endpoint_id, self._sub.subscribe, self._sub.unsubscribe)

    def start(self) -> None:
        """Begin to read on the running loop."""
        self._sub.start()
        self._push.start()
        self.sender.start()

    def stop(self) -> None:
        """Read no more."""
        self._sub.stop()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        self._sub.close()
        self.sender.stop()
        self._push.close()

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic."""
        self._sub.subscribe(topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        self._sub.unsubscribe(topic)

    async def wait_subscribed(self) -> None:
        """Return once the hub sees every subscription made so far (v0.1 hubs never say so)."""
        await self._markers.wait()

    def _on_message(self, parts: list[bytes]) -> None:
        self._on_published(parts)
        if self._markers.is_waiting:
            self._markers.on_topic(parts[0])
