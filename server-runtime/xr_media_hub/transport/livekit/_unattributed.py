"""Data of people whom LiveKit has not announced yet: held for a moment, until the server has said who they are.

LiveKit announces whoever publishes nothing up to three seconds late, and until then the SDK gives their packets without
a sender. The server knows who is in the room at once, and announces a participant whom the hub touches.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Set
from typing import TypeAlias

from xr_media_hub._errors import RoomUnavailable
from xr_media_hub._throttle import Throttled
from xr_media_hub.transport.livekit._events import Event, discard, size_of

__all__ = ("Unattributed",)

logger = logging.getLogger(__name__)

Deliver: TypeAlias = Callable[[str, Event], None]

# What a few people can send while the server is asked, which takes milliseconds.
_HELD_MOST = 500
_HELD_BYTES_MOST = 8 * 2**20


class Unattributed:
    """Data events in their order: those without a sender, and those that came behind them."""

    def __init__(
        self, ask: Callable[[], Awaitable[Set[str]]], deliver: Deliver, on_lost: Callable[[int], None]
    ) -> None:
        """``ask`` returns (and has announced) who is in the room and not announced; raises RoomUnavailable."""
        self._ask = ask
        self._deliver = deliver
        self._on_lost = on_lost
        self._held: list[tuple[str | None, Event]] = []
        self._held_bytes = 0
        # Who may have sent what is held: everybody who was announced since.
        self._announced: set[str] = set()
        self._asking: asyncio.Task[None] | None = None
        self._lost = Throttled(logger)

    def take(self, sender: str | None, event: Event) -> bool:
        """Hold an event that cannot go its way yet; False when nothing holds it up."""
        if sender is not None and not self._held:
            return False
        size = size_of(event)
        if len(self._held) >= _HELD_MOST or self._held_bytes + size > _HELD_BYTES_MOST:
            discard(event)
            self._lose(1, f"more than {_HELD_MOST} messages or {_HELD_BYTES_MOST} bytes wait for their sender's name")
            return True
        self._held.append((sender, event))
        self._held_bytes += size
        if self._asking is None:
            self._asking = asyncio.create_task(self._resolve(), name="unattributed data")
        return True

    def announced(self, identity: str) -> None:
        """LiveKit has announced somebody."""
        if self._held:
            self._announced.add(identity)

    def forget(self) -> None:
        """The room is lost: nobody will say any more whose this was."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        held = self._release()
        for _, event in held:
            discard(event)
        if held:
            self._lose(len(held), "the room was lost")

    async def _resolve(self) -> None:
        try:
            candidates = await self._ask() | self._announced
            why = f"{len(candidates)} people came at the same moment"
        except RoomUnavailable as error:
            candidates, why = set(), str(error)
        self._asking = None
        sender_of_all = next(iter(candidates)) if len(candidates) == 1 else None
        held = self._release()
        for sender, event in held:
            owner = sender or sender_of_all
            if owner is not None:
                self._deliver(owner, event)
            else:
                discard(event)
        lost = sum(sender is None for sender, _ in held) if sender_of_all is None else 0
        if lost:
            self._lose(lost, why)

    def _release(self) -> list[tuple[str | None, Event]]:
        held, self._held, self._held_bytes = self._held, [], 0
        self._announced.clear()
        return held

    def _lose(self, count: int, why: str) -> None:
        self._on_lost(count)
        self._lost.log("%d data messages of somebody LiveKit has not announced yet were dropped: %s", count, why)
