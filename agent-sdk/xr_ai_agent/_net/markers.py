"""Knowing when the hub sees a subscription: a marker topic subscribed behind it, which the hub answers."""

import asyncio
from collections.abc import Callable

from xr_ai_agent._wire import topics


class SubscriptionMarkers:
    """Subscriptions travel to the hub in order, apart from messages: what is sent at once may overtake them."""

    def __init__(
        self, endpoint_id: str, subscribe: Callable[[bytes], None], unsubscribe: Callable[[bytes], None]
    ) -> None:
        self._endpoint_id = endpoint_id
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._pending: dict[bytes, asyncio.Event] = {}
        self.asked = 0
        """How many were sent so far, each with a number of its own from 1."""

    async def wait(self) -> None:
        """Return once the hub sees every subscription made so far; a v0.1 hub never answers."""
        self.asked += 1
        marker = topics.inbox(self._endpoint_id, str(self.asked))
        seen = self._pending[marker] = asyncio.Event()
        self._subscribe(marker)
        try:
            await seen.wait()
        finally:
            del self._pending[marker]
            self._unsubscribe(marker)

    def repeat(self) -> None:
        """Ask again, on a new connection, for whoever still waits."""
        for marker in self._pending:
            self._subscribe(marker)

    @staticmethod
    def number_of(topic: bytes) -> int:
        """Return which one a message with this topic answers, 0 if none."""
        _, marker = topics.parse_inbox(topic) or ("", "")
        return int(marker) if marker.isdigit() else 0

    @property
    def is_waiting(self) -> bool:
        """Whether anybody waits."""
        return bool(self._pending)

    def on_topic(self, topic: bytes) -> None:
        """Take note of the topic of a message that came."""
        if topic in self._pending:
            self._pending[topic].set()
