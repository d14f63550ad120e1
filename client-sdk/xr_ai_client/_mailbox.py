"""A bounded queue that is iterated; what comes while it is full pushes out the oldest, and is counted."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """``async for`` ends once the mailbox is closed and empty."""

    def __init__(self, capacity: int) -> None:
        self.lost = 0
        """Items pushed out unread."""
        self._items: deque[T] = deque(maxlen=capacity)
        self._changed = asyncio.Event()
        self._is_closed = False

    def put(self, item: T) -> None:
        """Add an item."""
        if len(self._items) == self._items.maxlen:
            self.lost += 1
        self._items.append(item)
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
        return self._items.popleft()
