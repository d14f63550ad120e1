"""Counts what passes the hub, per participant; loss is counted beside it, never silent."""

import asyncio
import logging
from dataclasses import dataclass, field

__all__ = ("HubStats", "ParticipantStats", "log_rates")

logger = logging.getLogger(__name__)

_PERIOD_S = 5.0


@dataclass(slots=True)
class ParticipantStats:
    """Totals of one participant since they joined."""

    video_frames: int = 0
    audio_chunks: int = 0
    data_in: int = 0
    data_out: int = 0
    return_audio_chunks: int = 0
    flushes: int = 0
    dropped_in: int = 0
    dropped_data_out: int = 0
    dropped_audio_out: int = 0


@dataclass(slots=True)
class HubStats:
    """Totals of everybody who is connected, by participant id."""

    participants: dict[str, ParticipantStats] = field(default_factory=dict)
    joins: int = 0

    def joined(self, participant_id: str, counts: ParticipantStats) -> None:
        """Count a join and show the participant from now on."""
        self.joins += 1
        self.participants[participant_id] = counts

    def left(self, participant_id: str) -> None:
        """Forget a participant's totals."""
        self.participants.pop(participant_id, None)


async def log_rates(stats: HubStats) -> None:
    """Say every few seconds how much comes from whom (at DEBUG; silent when nobody is here)."""
    before: dict[str, tuple[int, int, int]] = {}
    while True:
        await asyncio.sleep(_PERIOD_S)
        now = {name: (each.video_frames, each.audio_chunks, each.data_in) for name, each in stats.participants.items()}
        for name, totals in now.items():
            video, audio, data = (
                (total - was) / _PERIOD_S for total, was in zip(totals, before.get(name, (0, 0, 0)), strict=True)
            )
            logger.debug("%s: %.1f video frames/s, %.1f audio chunks/s, %.1f data/s", name, video, audio, data)
        before = now
