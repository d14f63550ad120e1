"""What cameras show now: only signals are kept, pixels are fetched when somebody asks."""

import time

from xr_ai_agent import FrameData, FrameSignal, ParticipantEvent, ProcessorEndpoint

# Cameras and screens alike send several frames a second; after this long one is off or frozen.
_LIVE_MAX_AGE_S = 5.0
_FETCH_TIMEOUT_S = 1.0


class LiveFrames:
    """The newest frame of every participant, across their tracks."""

    def __init__(self, hub: ProcessorEndpoint) -> None:
        self._hub = hub
        self._newest: dict[str, tuple[FrameSignal, float]] = {}
        hub.on_frame(self._on_frame)
        hub.on_participant(self._on_participant)

    def participants(self) -> list[str]:
        """Return whose camera is on now, sorted."""
        oldest = time.monotonic() - _LIVE_MAX_AGE_S
        return sorted(name for name, (_, heard) in self._newest.items() if heard >= oldest)

    async def fetch(self, participant_id: str) -> FrameData | None:
        """Return the newest frame, or None when there is none."""
        known = self._newest.get(participant_id)
        return await self._hub.request_frame(known[0], _FETCH_TIMEOUT_S) if known else None

    def _on_frame(self, signal: FrameSignal) -> None:
        known = self._newest.get(signal.participant_id)
        # Another track's older frame does not replace this one's newer; the same track's always does.
        if known is None or signal.pts_us >= known[0].pts_us or signal.track_id == known[0].track_id:
            self._newest[signal.participant_id] = (signal, time.monotonic())

    def _on_participant(self, event: ParticipantEvent) -> None:
        if not event.joined:
            self._newest.pop(event.participant_id, None)
