"""A bounded queue that is iterated; what comes while it is full pushes out the oldest, which is counted."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """``async for`` ends once the mailbox is closed and empty."""

    def __init__(self, capacity: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        """Hold what weighs at most ``capacity`` in all (by default: so many items), and always the newest item."""
        self.lost = 0
        """Items pushed out unread."""
        self._capacity = capacity
        self._weigh = weigh
        self._weight = 0
        self._items: deque[T] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False

    def put(self, item: T) -> None:
        """Add an item."""
        self._items.append(item)
        self._weight += self._weigh(item)
        while self._weight > self._capacity and len(self._items) > 1:
            self._take()
            self.lost += 1
        self._changed.set()

    def close(self) -> None:
        """Let iterations end."""
        self._is_closed = True
        self._changed.set()

    def __aiter__(self) -> "Mailbox[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._is_closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._take()

    def _take(self) -> T:
        item = self._items.popleft()
        self._weight -= self._weigh(item)
        return item
