"""Who is connected, and through which connector."""

import zlib
from dataclasses import replace

from xr_ai_agent._wire.messages import ParticipantEvent

# Media that is still on its way when its participant leaves arrives within seconds.
_DEPARTED_MAX = 256
_PTS_MAX_US = 2**63 - 1


class Roster:
    """Participants by id."""

    def __init__(self) -> None:
        self._joins: dict[str, ParticipantEvent] = {}
        # The last join of those who left lately.
        self._departed: dict[str, ParticipantEvent] = {}

    def __contains__(self, participant_id: object) -> bool:
        return participant_id in self._joins

    def __len__(self) -> int:
        return len(self._joins)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of everyone connected."""
        return frozenset(self._joins)

    @property
    def joins(self) -> tuple[ParticipantEvent, ...]:
        """The join of everyone connected, oldest first."""
        return tuple(self._joins.values())

    @property
    def digest(self) -> int:
        """A number that two equal rosters share: CRC-32 of each id and session, sorted by id."""
        sessions = (f"{participant_id}\0{self._joins[participant_id].pts_us}" for participant_id in sorted(self._joins))
        return zlib.crc32("\0".join(sessions).encode("utf-8", "surrogatepass"))

    def join_of(self, participant_id: str) -> ParticipantEvent | None:
        """Return the join of a participant who is here."""
        return self._joins.get(participant_id)

    def last_join_of(self, participant_id: str) -> ParticipantEvent | None:
        """As `join_of`, and of those who left lately their last one."""
        return self._joins.get(participant_id) or self._departed.get(participant_id)

    def connector_of(self, participant_id: str) -> str | None:
        """Return through which connector a participant is here, or None when they are not."""
        event = self._joins.get(participant_id)
        return None if event is None else event.connector_id

    def of_connector(self, connector_id: str) -> tuple[str, ...]:
        """Return the participants of one connector."""
        return tuple(pid for pid, event in self._joins.items() if event.connector_id == connector_id)

    def dated(self, event: ParticipantEvent) -> ParticipantEvent:
        """Return a join with a time after that of the participant's last one: it names their session."""
        last = self._departed.get(event.participant_id) if event.joined else None
        if last is None or event.pts_us > last.pts_us:
            return event
        return replace(event, pts_us=min(last.pts_us + 1, _PTS_MAX_US))

    def forget_departed(self) -> None:
        """Know nothing of those who are not here."""
        self._departed.clear()

    def apply(self, event: ParticipantEvent) -> bool:
        """Take an event; returns whether it changed anything (repeats and strangers' leaves do not)."""
        known = self._joins.get(event.participant_id)
        if event.joined:
            if known is not None and known.connector_id == event.connector_id:
                return False
            self._joins[event.participant_id] = event
            return True
        # A leave told by a connector that lost the participant to another one is old news.
        if known is None or (event.connector_id and known.connector_id != event.connector_id):
            return False
        del self._joins[event.participant_id]
        # The latest to leave is the last to be forgotten.
        self._departed.pop(event.participant_id, None)
        self._departed[event.participant_id] = known
        if len(self._departed) > _DEPARTED_MAX:
            del self._departed[next(iter(self._departed))]
        return True
