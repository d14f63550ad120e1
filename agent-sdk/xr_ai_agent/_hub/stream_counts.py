"""How many messages of each stream were published, so that who receives them can tell what was lost."""

from collections.abc import Iterator

from xr_ai_agent._wire import topics

_KINDS = (topics.AUDIO, topics.DATA, topics.RETURN_AUDIO, topics.RETURN_DATA)


class StreamCounts:
    """Per participant who is here, sound and data from them and to them; and what programs broadcast to each other."""

    def __init__(self) -> None:
        self._controls = 0
        self._counts: dict[str, dict[bytes, int]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def begin(self, participant_id: str) -> None:
        """Count anew: a session begins."""
        self._counts[participant_id] = dict.fromkeys(_KINDS, 0)

    def end(self, participant_id: str) -> None:
        """Count no more: a session has ended."""
        self._counts.pop(participant_id, None)

    def add(self, kind: bytes, participant_id: str) -> None:
        """Count a message of a participant who is here."""
        self._counts[participant_id][kind] += 1

    def add_control(self) -> None:
        """Count a broadcast."""
        self._controls += 1

    @property
    def announced(self) -> tuple[tuple[bytes, int], ...]:
        """The streams of a heartbeat: (topic, messages published so far)."""
        streams = [(topics.CONTROL, self._controls)]
        for participant_id in self._counts:
            streams.extend(self.announced_of(participant_id))
        return tuple(streams)

    def announced_of(self, participant_id: str) -> tuple[tuple[bytes, int], ...]:
        """Those of one participant who is here."""
        counts = self._counts[participant_id].items()
        return tuple((topics.stream(kind, participant_id), count) for kind, count in counts)
