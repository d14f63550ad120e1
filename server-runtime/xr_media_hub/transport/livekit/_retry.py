"""Tries again what LiveKit did not do, at growing intervals, until it does."""

import asyncio
from collections.abc import Awaitable, Callable

from xr_media_hub._errors import RoomUnavailable

_FIRST_S = 0.1
_MOST_S = 2.0


async def until_done(attempt: Callable[[], Awaitable[None]], on_failure: Callable[[RoomUnavailable], None]) -> None:
    """Return once ``attempt`` has succeeded; ``on_failure`` is told each time that it raised RoomUnavailable."""
    delay_s = _FIRST_S
    while True:
        try:
            return await attempt()
        except RoomUnavailable as error:
            on_failure(error)
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 2, _MOST_S)
