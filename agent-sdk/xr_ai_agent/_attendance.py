"""Joins and leaves, told on two sockets: nobody's media comes before their join or after their leave."""

from collections import Counter
from collections.abc import Callable

from xr_ai_agent._messages import ParticipantEvent
from xr_ai_agent._roster import Roster


class Attendance:
    """Acts on a join when it is first told, and on a leave when every socket has told it."""

    def __init__(self, on_event: Callable[[ParticipantEvent], None]) -> None:
        """``on_event`` is called with each event that changes who is here."""
        self.roster = Roster()
        self._on_event = on_event
        # As the contract's socket told it, which the hub's heartbeats are in order with.
        self._told = Roster()
        self._leaves: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        self._was_apart = False

    def on_told(self, event: ParticipantEvent, has_video_socket: bool) -> None:
        """Take what the contract's socket told."""
        self._told.apply(event)
        self._take(event, is_video=False, must_agree=has_video_socket)

    def on_video_told(self, event: ParticipantEvent) -> None:
        """Take what the socket for frame signals told."""
        self._take(event, is_video=True, must_agree=True)

    def replace(self, events: tuple[ParticipantEvent, ...], pts_us: int) -> None:
        """Take a complete list of the joins of everyone connected."""
        self._leaves = {False: Counter(), True: Counter()}
        present = {event.participant_id for event in events}
        for gone in self.roster.ids - present:
            self._apply(ParticipantEvent(gone, False, pts_us))
        for gone in self._told.ids - present:
            self._told.apply(ParticipantEvent(gone, False, pts_us))
        for event in events:
            self._told.apply(event)
            self._apply(event)

    def is_behind(self, digest: int) -> bool:
        """Whether a heartbeat says that an event was lost on the contract's socket."""
        return self._told.digest != digest

    def reconcile(self, pts_us: int) -> bool:
        """Believe the contract's socket where the other differs for two heartbeats; returns whether it did."""
        is_apart = self.roster.ids != self._told.ids
        is_stuck, self._was_apart = is_apart and self._was_apart, is_apart
        if is_stuck:
            self.replace(self._told.joins, pts_us)
        return is_stuck

    def _take(self, event: ParticipantEvent, *, is_video: bool, must_agree: bool) -> None:
        if event.joined or not must_agree:
            self._apply(event)
            return
        mine, other = self._leaves[is_video], self._leaves[not is_video]
        mine[event.participant_id] += 1
        if mine[event.participant_id] <= other[event.participant_id]:
            self._apply(event)
        if mine[event.participant_id] == other[event.participant_id]:
            del mine[event.participant_id], other[event.participant_id]

    def _apply(self, event: ParticipantEvent) -> None:
        if self.roster.apply(event):
            self._on_event(event)
