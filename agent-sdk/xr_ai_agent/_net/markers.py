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
        self._count = 0

    async def wait(self) -> None:
        """Return once the hub sees every subscription made so far; a v0.1 hub never answers."""
        self._count += 1
        marker = topics.inbox(self._endpoint_id, str(self._count))
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

    @property
    def is_waiting(self) -> bool:
        """Whether anybody waits."""
        return bool(self._pending)

    def on_topic(self, topic: bytes) -> None:
        """Take note of the topic of a message that came."""
        if topic in self._pending:
            self._pending[topic].set()
