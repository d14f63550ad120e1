"""Which pictures of a camera are recorded when fewer are wanted than it sends."""

from xr_media_hub.recording._units import MICROSECONDS

__all__ = ("Pacing",)


class Pacing:
    """At most ``fps`` pictures per second over time.

    A picture may come up to half an interval early, so that the jitter of a camera at that very rate costs none.
    """

    def __init__(self, fps: float) -> None:
        self._interval_us = MICROSECONDS / fps
        self._due_us = 0.0
        self._last_us = 0

    def wants(self, pts_us: int) -> bool:
        """Whether to record the picture of this time; a clock that was set back begins anew."""
        if pts_us < self._last_us:
            self._due_us = 0.0
        if pts_us < self._due_us - self._interval_us / 2:
            return False
        self._last_us = pts_us
        self._due_us = max(self._due_us, pts_us - self._interval_us) + self._interval_us
        return True
