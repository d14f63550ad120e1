"""Counts what passes the hub, per participant; loss is counted beside it, never silent."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from xr_media_hub._who import Who

__all__ = ("COUNTED", "HubStats", "ParticipantStats", "QueueDepths", "TrackStats", "measure_rates")

# As often as the status page is read.
_PERIOD_S = 2.0


@dataclass(slots=True)
class TrackStats:
    """One track that is being read: ``received`` frames of video or chunks of audio so far."""

    kind: str
    received: int = 0
    per_s: float = 0.0
    width: int = 0
    height: int = 0


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
    tracks: dict[str, TrackStats] = field(default_factory=dict)


COUNTED = tuple(each.name for each in fields(ParticipantStats) if each.type is int)
"""Names of the totals."""


@dataclass(frozen=True, slots=True)
class QueueDepths:
    """What waits for or from one participant."""

    events: int = 0
    data_out: int = 0
    streams_in: int = 0
    speech_s: float = 0.0


@dataclass(slots=True)
class Member:
    """Somebody who is connected; ``number`` counts joins, and names nobody."""

    number: int
    counts: ParticipantStats
    queues: Callable[[], QueueDepths]


@dataclass(slots=True)
class HubStats:
    """Totals of everybody who is connected, by participant id."""

    members: dict[str, Member] = field(default_factory=dict)
    joins: int = 0
    lost_since_s: dict[str, float] = field(default_factory=dict)
    """When (monotonic) the hub lost each room that it is not back in."""
    _gone: Counter[str] = field(default_factory=Counter)

    def who(self, participant_id: str) -> Who:
        """Return how the log names a participant, whether they are here yet or not."""
        return Who(participant_id, self.members)

    def joined(self, participant_id: str, counts: ParticipantStats, queues: Callable[[], QueueDepths]) -> None:
        """Count a join and show the participant from now on."""
        self.joins += 1
        self.members[participant_id] = Member(self.joins, counts, queues)

    def left(self, participant_id: str) -> None:
        """Forget a participant; what they counted stays in the totals, and whoever comes back starts from nothing."""
        member = self.members.pop(participant_id, None)
        if member is not None:
            self._gone.update(_totals_of(member.counts))
            for name in COUNTED:
                setattr(member.counts, name, 0)

    def lost_in(self, count: int) -> None:
        """Count what came from somebody who could not be told from others."""
        self._gone["dropped_in"] += count

    def totals(self) -> dict[str, int]:
        """Return the totals of everybody who is or was here; they never fall."""
        totals = Counter(self._gone)
        for member in self.members.values():
            totals.update(_totals_of(member.counts))
        return {name: totals[name] for name in COUNTED}


def _totals_of(counts: ParticipantStats) -> dict[str, int]:
    return {name: getattr(counts, name) for name in COUNTED}


async def measure_rates(stats: HubStats) -> None:
    """Measure every few seconds how much comes on each track."""
    before: dict[tuple[str, str], int] = {}
    while True:
        await asyncio.sleep(_PERIOD_S)
        now: dict[tuple[str, str], int] = {}
        for name, member in stats.members.items():
            for track_id, track in member.counts.tracks.items():
                now[name, track_id] = track.received
                track.per_s = (track.received - before.get((name, track_id), 0)) / _PERIOD_S
        before = now
