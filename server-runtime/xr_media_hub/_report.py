"""One line in the log every few seconds that says how the hub is: numbers, and nobody's name."""

import asyncio
import logging
from collections.abc import Callable
from itertools import count
from typing import Any

__all__ = ("report_stats", "stats_line")

logger = logging.getLogger(__name__)

_PERIOD_S = 5.0
# The other lines are for whoever looks for something: DEBUG.
_INFO_EVERY = 12
_LOST = ("dropped_in", "dropped_data_out", "dropped_audio_out")


async def report_stats(facts: Callable[[], dict[str, Any]]) -> None:
    """Log `stats_line` for `Health.facts`; silent while nobody is here."""
    before = facts()
    for number in count(1):
        await asyncio.sleep(_PERIOD_S)
        now = facts()
        if now["participant_count"] or before["participant_count"]:
            level = logging.DEBUG if number % _INFO_EVERY else logging.INFO
            logger.log(level, "%s", stats_line(now, before, _PERIOD_S))
        before = now


def stats_line(now: dict[str, Any], before: dict[str, Any], seconds: float) -> str:
    """Return ``stats name=value …`` with what is there now and what passed since ``before``."""

    def rate(total: str) -> str:
        return f"{(now['totals'][total] - before['totals'][total]) / seconds:.1f}"

    tracks = [track for member in now["participants"].values() for track in member["tracks"].values()]
    video = [track["per_s"] for track in tracks if track["kind"] == "video"]
    values = {
        "participants": now["participant_count"],
        "agents": now["agents"],
        "video_tracks": len(video),
        "video_per_s": f"{sum(video):.1f}",
        "slowest_video_per_s": f"{min(video, default=0.0):.1f}",
        "audio_chunks_per_s": rate("audio_chunks"),
        "data_in_per_s": rate("data_in"),
        "data_out_per_s": rate("data_out"),
        "speech_chunks_per_s": rate("return_audio_chunks"),
        "speech_cancelled": now["ipc"]["speech_cancelled"] - before["ipc"]["speech_cancelled"],
        "lost": _lost(now) - _lost(before),
        "livekit": "ok" if now["status"] == "ok" else "away",
        "recording": now["recording"]["state"].partition(":")[0],
    }
    return "stats " + " ".join(f"{name}={value}" for name, value in values.items())


def _lost(facts: dict[str, Any]) -> int:
    return int(sum(facts["totals"][name] for name in _LOST) + sum(facts["ipc"]["dropped"].values()))
