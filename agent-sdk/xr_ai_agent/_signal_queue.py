"""Frame signals between socket and callbacks: an agent that fell behind skips to the newest frame of each track."""

import time
from collections.abc import Callable

from xr_ai_agent._messages import FrameSignal

# A full batch after a pause this long is a backlog, not a burst: the agent was busy with something else.
_STALL_S = 0.1
# While catching up, how long the newest signals wait for even newer ones.
_CATCH_UP_MAX_S = 1.0


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

    def add(self, signal: FrameSignal) -> None:
        """Take a signal."""
        self._batch.append(signal)

    def end_batch(self, drained: bool) -> None:
        """Hand on what came; ``drained`` says that nothing more waits."""
        now = self._clock()
        if self._behind_since is None and not drained and now - self._batch_ended_at >= _STALL_S:
            self._behind_since = now
        self._batch_ended_at = now
        if self._behind_since is not None:
            self._batch = list({(s.participant_id, s.track_id): s for s in self._batch}.values())
            if not drained and now - self._behind_since < _CATCH_UP_MAX_S:
                return
            self._behind_since = None if drained else now
        self.hand_on()

    def hand_on(self) -> None:
        """Hand on what waits now; whoever sent it is about to leave."""
        batch, self._batch = self._batch, []
        for signal in batch:
            self._count_missed(signal)
            self._fire(signal)

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
