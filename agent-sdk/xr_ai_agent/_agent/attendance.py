"""Joins and leaves, told on two sockets that run apart: no media before its session's join or after its leave.

A participant's stay, from join to leave, is a session; the hub gives each a later time (``pts_us`` of its join) than
the one before. Joins, leaves, sound and data come in order on the contract's socket; frame signals come on another one,
in order with joins and leaves of its own. Where that one is ahead, signals wait for the join; where it is behind, the
leave waits for it, and with the leave whatever else came of that participant.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from xr_ai_agent._roster import Roster
from xr_ai_agent._wire.messages import FrameSignal, ParticipantEvent

# A leave waits for milliseconds; if this much came after it, the word it waits for does not come.
_HELD_MAX = 1_000
# Signals of one session that wait for its join; of more than these the newest.
_EARLY_MAX = 256

RosterRow = tuple[str, str, int]
"""(participant id, connector id, pts_us of the join)."""


class Attendance:
    """Who is here, as far as the agent was told; what came too early of whom."""

    def __init__(self, on_event: Callable[[ParticipantEvent], None], on_signal: Callable[[FrameSignal], None]) -> None:
        """``on_event`` takes each event that changes who is here; ``on_signal`` signals that waited for a join."""
        self.roster = Roster()
        self.has_video = False
        """Whether frame signals come on a socket of their own."""
        self.asked: Callable[[], int] = lambda: 0
        """How often that socket was asked for a complete list."""
        self._has_sessions = False
        self._on_event = on_event
        self._on_signal = on_signal
        # As the socket for frame signals told it.
        self._video = Roster()
        # Who is in the same session on both: asked for every signal, changed by few events.
        self._agreed: set[str] = set()
        # By participant and session: signals whose join is still on its way.
        self._early: dict[str, dict[int, deque[FrameSignal]]] = {}
        # What came of whom after a leave that waits; the first one is the leave.
        self._held: dict[str, deque[Callable[[], None]]] = {}
        # How often had been asked when a leave began to wait: earlier answers are from before it.
        self._held_at: dict[str, int] = {}

    def restart(self) -> None:
        """Another hub, which dates sessions, tells from now on."""
        self._has_sessions = True
        self.has_video = False
        self._video = Roster()
        self._agreed.clear()
        self._early.clear()
        self.roster.forget_departed()
        while self._held:
            self._release(next(iter(self._held)))

    # --- the contract's socket ---

    def on_told(self, event: ParticipantEvent) -> None:
        """Take what the contract's socket told."""
        if self.holds(event.participant_id, self.on_told, event):
            return
        known = self.roster.join_of(event.participant_id)
        if event.joined and self._has_sessions and known is not None and event.pts_us > known.pts_us:
            # Its leave was lost.
            self.on_told(ParticipantEvent(event.participant_id, False, event.pts_us))
            self.on_told(event)
        elif not event.joined and known is not None and self._is_video_behind(known):
            self._held[event.participant_id] = deque([partial(self._apply, event)])
            self._held_at[event.participant_id] = self.asked()
        else:
            self._apply(event)

    def holds(self, participant_id: str, take: Callable[..., None], *arguments: Any) -> bool:
        """Whether something of a participant has to wait for a leave; ``take(*arguments)`` is called then."""
        held = self._held.get(participant_id)
        if held is None:
            return False
        held.append(partial(take, *arguments))
        if len(held) > _HELD_MAX:
            self._release(participant_id)
        return True

    def replace(self, roster: tuple[RosterRow, ...], pts_us: int) -> None:
        """Take a complete list of who is here, told on the contract's socket."""
        joins = {row[0]: ParticipantEvent(row[0], True, row[2], row[1]) for row in roster}
        for participant_id in (self.roster.ids - joins.keys()) | self._held.keys():
            self._set(participant_id, joins.pop(participant_id, None), pts_us)
        for participant_id, join in joins.items():
            self._set(participant_id, join, pts_us)

    def is_behind(self, digest: int) -> bool:
        """Whether a heartbeat says that an event was lost on the contract's socket."""
        return not self._held and self.roster.digest != digest

    # --- the socket for frame signals ---

    def on_video_told(self, event: ParticipantEvent) -> None:
        """Take what the socket for frame signals told."""
        participant_id = event.participant_id
        if event.joined:
            self._video.apply(ParticipantEvent(participant_id, False, event.pts_us))
        self._video.apply(event)
        self._compare(participant_id)
        self._recheck(participant_id)

    def on_video_roster(self, roster: tuple[RosterRow, ...], answered: int) -> bool:
        """Take a complete list, told on the socket for frame signals; returns whether it was news.

        It answers the question of that number. A leave that waits ends by it only if that was asked since: an older
        list does not hold who came after it either, and what they sent is still on its way.
        """
        sessions = {row[0]: row[2] for row in roster}
        is_news = sessions != _sessions(self._video)
        for participant_id in self._video.ids - sessions.keys():
            self._video.apply(ParticipantEvent(participant_id, False, 0))
        for participant_id, connector_id, pts_us in roster:
            self._video.apply(ParticipantEvent(participant_id, False, 0))
            self._video.apply(ParticipantEvent(participant_id, True, pts_us, connector_id))
        for participant_id in self._video.ids | self.roster.ids:
            self._compare(participant_id)
        for participant_id in tuple(self._held):
            if answered > self._held_at[participant_id]:
                self._recheck(participant_id, is_complete=True)
        return is_news

    def admits(self, signal: FrameSignal, session: int | None = None) -> bool:
        """Whether a signal may be shown now; one that came before its join is kept until then.

        ``session`` is the one it was sent in, by default that of the socket for frame signals.
        """
        participant_id = signal.participant_id
        if session is None:
            if participant_id in self._agreed:
                return True
            told = self._video.join_of(participant_id)
            if told is None:
                return False
            session = told.pts_us
        last = self.roster.last_join_of(participant_id)
        if last is not None and session <= last.pts_us:
            return session == last.pts_us and participant_id in self.roster
        sessions = self._early.setdefault(participant_id, {})
        sessions.setdefault(session, deque(maxlen=_EARLY_MAX)).append(signal)
        return False

    @property
    def is_apart(self) -> bool:
        """Whether the sockets tell differently: one is behind, or lost an event."""
        return bool(self._held) or _sessions(self._video) != _sessions(self.roster)

    # --- private ---

    def _set(self, participant_id: str, join: ParticipantEvent | None, pts_us: int) -> None:
        if self.holds(participant_id, self._set, participant_id, join, pts_us):
            return
        known = self.roster.join_of(participant_id)
        if known is not None and (join is None or join.pts_us != known.pts_us):
            self.on_told(ParticipantEvent(participant_id, False, pts_us))
        if join is not None:
            self.on_told(join)

    def _compare(self, participant_id: str) -> None:
        told, known = self._video.join_of(participant_id), self.roster.join_of(participant_id)
        is_same = told is not None and known is not None and told.pts_us == known.pts_us
        (self._agreed.add if is_same else self._agreed.discard)(participant_id)

    def _is_video_behind(self, join: ParticipantEvent) -> bool:
        if not self.has_video:
            return False
        told = self._video.last_join_of(join.participant_id)
        if told is None or told.pts_us < join.pts_us:
            return True
        return told.pts_us == join.pts_us and join.participant_id in self._video

    def _recheck(self, participant_id: str, *, is_complete: bool = False) -> None:
        known = self.roster.join_of(participant_id)
        if participant_id not in self._held or known is None:
            return
        present = self._video.join_of(participant_id)
        is_over = present is None or present.pts_us != known.pts_us
        if is_over if is_complete else not self._is_video_behind(known):
            self._release(participant_id)

    def _release(self, participant_id: str) -> None:
        held = self._held.pop(participant_id)
        del self._held_at[participant_id]
        while held:
            held.popleft()()
            if participant_id in self._held:
                # Another leave among them waits in its turn.
                self._held[participant_id].extend(held)
                return

    def _apply(self, event: ParticipantEvent) -> None:
        if not self.roster.apply(event):
            return
        self._compare(event.participant_id)
        self._on_event(event)
        if event.joined and event.participant_id in self._early:
            sessions = self._early.pop(event.participant_id)
            for signal in sessions.get(event.pts_us, ()):
                self._on_signal(signal)
            if later := {session: signals for session, signals in sessions.items() if session > event.pts_us}:
                self._early[event.participant_id] = later


def _sessions(roster: Roster) -> dict[str, int]:
    return {join.participant_id: join.pts_us for join in roster.joins}
