"""Frame signals between socket and callbacks: an agent that fell behind skips to the newest frame of each track."""

import contextlib
import time
from collections.abc import Callable, Iterator

from xr_ai_agent._wire.messages import FrameSignal

# A full batch after a pause this long is a backlog, not a burst: the agent was busy with something else.
_STALL_S = 0.1
# While catching up, how long the newest signals wait for even newer ones.
_CATCH_UP_MAX_S = 1.0
# How long the newest signals wait for the hub's word on what is newest.
_ANSWER_MAX_S = 0.25
# How long after that word older signals may still come out of the sockets' buffers.
_REPEATS_MAX_S = 1.0


class SignalQueue:
    """Hands signals on in order after each batch; while behind, only the newest of each track."""

    def __init__(self, fire: Callable[[FrameSignal], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.missed = 0
        """Frames that no callback saw: lost on the way, or skipped while behind."""
        self._fire = fire
        self._clock = clock
        self._batch: list[FrameSignal] = []
        self._last_seq: dict[tuple[str, str], int] = {}
        self._batch_ended_at = clock()
        self._behind_since: float | None = None
        self._doubled = 0
        self._repeats_until = 0.0
        self._answer_until = 0.0
        self.ask_newest: Callable[[], bool] = lambda: False
        """Asks the hub for the newest signal of each track (answered with `on_newest`); returns whether it can."""

    def add(self, signal: FrameSignal) -> None:
        """Take a signal; it is handed on at once by who keeps up, and at the end of the batch after a pause."""
        self._batch.append(signal)
        if self._behind_since is None and self._answer_until == 0.0 and self._keeps_up():
            self.hand_on()

    @contextlib.contextmanager
    def without_repeats(self) -> Iterator[None]:
        """While signals come through two sockets, hand on each once."""
        self._doubled += 1
        try:
            yield
        finally:
            self._doubled -= 1

    def end_batch(self, drained: bool) -> None:
        """Hand on what came; ``drained`` says that nothing more waits."""
        now = self._clock()
        if self._behind_since is None and not drained and now - self._batch_ended_at >= _STALL_S:
            self._behind_since = now
        self._batch_ended_at = now
        if self._behind_since is not None:
            self._keep_newest()
            if not drained and now - self._behind_since < _CATCH_UP_MAX_S:
                return
            self._behind_since = None if drained else now
            if drained and self.ask_newest():
                # What waited is the past, and what came after it may have found no room.
                self._answer_until = now + _ANSWER_MAX_S
        if now < self._answer_until:
            self._keep_newest()
        else:
            self._answer_until = 0.0
            self.hand_on()

    def on_newest(self, signals: list[FrameSignal]) -> None:
        """Take the hub's word on what is newest, and hand it on."""
        now = self._clock()
        self._answer_until = 0.0
        self._batch.extend(signals)
        self._keep_newest()
        self._repeats_until = now + _REPEATS_MAX_S
        self.hand_on()

    def hand_on(self) -> None:
        """Hand on what waits now; whoever sent it is about to leave."""
        if not self._batch:
            return
        batch, self._batch = self._batch, []
        may_repeat = self._doubled or (self._repeats_until > 0.0 and self._clock() < self._repeats_until)
        for signal in batch:
            if may_repeat and signal.seq <= self._last_seq.get((signal.participant_id, signal.track_id), 0):
                continue
            self._count_missed(signal)
            self._fire(signal)

    def _keeps_up(self) -> bool:
        return self._clock() - self._batch_ended_at < _STALL_S

    def _keep_newest(self) -> None:
        newest: dict[tuple[str, str], FrameSignal] = {}
        for signal in self._batch:
            track = (signal.participant_id, signal.track_id)
            if track not in newest or signal.seq >= newest[track].seq:
                newest[track] = signal
        self._batch = list(newest.values())

    def forget(self, participant_id: str) -> None:
        """The participant left: their next track counts anew."""
        for track in [track for track in self._last_seq if track[0] == participant_id]:
            del self._last_seq[track]

    def _count_missed(self, signal: FrameSignal) -> None:
        track = (signal.participant_id, signal.track_id)
        last = self._last_seq.get(track)
        if last is not None and signal.seq > last + 1:
            self.missed += signal.seq - last - 1
        self._last_seq[track] = signal.seq
