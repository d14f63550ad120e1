"""What people cost a whole hub while they neither speak nor show anything and nobody speaks to them."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from figures import Figure
from hub_process import RunningHub, running_hub
from hub_slices import progress

from xr_ai_client import Participant

__all__ = ("measure_idle",)

_PART = "idle"
_PARTICIPANTS = 8
_SETTLING_S, _SLICE_S = 4.0, 2.0


def measure_idle(*, is_quick: bool) -> list[Figure]:
    """Processor time and resident memory of the hub's process with eight silent participants, beside nobody.

    Each has what a hub holds ready for them: a room, the hub's own connection to it, and a return track.
    """
    with tempfile.TemporaryDirectory() as folder, running_hub(Path(folder)) as hub:
        return asyncio.run(_stay(hub, slices=3 if is_quick else 8))


async def _stay(hub: RunningHub, slices: int) -> list[Figure]:
    progress("idle: nobody")
    await asyncio.sleep(_SETTLING_S)
    nobody = [await _cpu_percent(hub) for _ in range(slices)]
    empty_mb = hub.process.memory_info().rss / 1e6
    async with AsyncExitStack() as people:
        for number in range(_PARTICIPANTS):
            await people.enter_async_context(await Participant.join(hub.url, f"idle-{number}"))
        progress(f"idle: {_PARTICIPANTS} participants")
        await asyncio.sleep(_SETTLING_S)
        everybody = [await _cpu_percent(hub) for _ in range(slices)]
        full_mb = hub.process.memory_info().rss / 1e6
    each = [(all_ - none) / _PARTICIPANTS for all_, none in zip(everybody, nobody, strict=True)]
    return [
        Figure(_PART, "hub CPU, nobody", "%", nobody),
        Figure(_PART, "hub CPU per silent participant", "%", each),
        Figure(_PART, "hub memory, nobody", "MB", [empty_mb]),
        Figure(_PART, "hub memory per silent participant", "MB", [(full_mb - empty_mb) / _PARTICIPANTS]),
    ]


async def _cpu_percent(hub: RunningHub) -> float:
    loop = asyncio.get_running_loop()
    before_s, began_s = hub.cpu_s(), loop.time()
    await asyncio.sleep(_SLICE_S)
    return 100 * (hub.cpu_s() - before_s) / (loop.time() - began_s)
