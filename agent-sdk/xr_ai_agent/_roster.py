"""Who is connected, and through which connector."""

import zlib

from xr_ai_agent._messages import ParticipantEvent

# Media that is still on its way when its participant leaves arrives within seconds.
_DEPARTED_MAX = 256


class Roster:
    """Participants by id."""

    def __init__(self) -> None:
        self._joins: dict[str, ParticipantEvent] = {}
        self._departed: dict[str, str] = {}

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
        """A number that two equal rosters share (CRC-32 of the sorted ids)."""
        return zlib.crc32("\0".join(sorted(self._joins)).encode("utf-8", "surrogatepass"))

    def connector_of(self, participant_id: str) -> str | None:
        """Return through which connector a participant is here, or None when they are not."""
        event = self._joins.get(participant_id)
        return None if event is None else event.connector_id

    def last_connector_of(self, participant_id: str) -> str | None:
        """As `connector_of`, and for those who left lately the connector they left through."""
        return self.connector_of(participant_id) or self._departed.get(participant_id)

    def of_connector(self, connector_id: str) -> tuple[str, ...]:
        """Return the participants of one connector."""
        return tuple(pid for pid, event in self._joins.items() if event.connector_id == connector_id)

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
        self._departed[event.participant_id] = known.connector_id
        if len(self._departed) > _DEPARTED_MAX:
            del self._departed[next(iter(self._departed))]
        return True
