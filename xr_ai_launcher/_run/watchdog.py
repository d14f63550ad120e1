"""Waits for signs of life of one role (WATCHDOG=1 of sd_notify(3)) and tells when one is overdue."""

from __future__ import annotations

from time import monotonic

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable

    from xr_ai_launcher._run.loop import Loop, Timer


class Watchdog:
    """Runs from `begin` to `cancel`. A sign of life costs no timer: a role may give thousands."""

    def __init__(self, loop: Loop, timeout_s: float, on_silence: Callable[[bool], None]) -> None:
        """``on_silence`` gets whether the role itself said that it hangs."""
        self.timeout_s = timeout_s
        self.has_heard = False
        """Whether there was ever a sign of life."""
        self._loop = loop
        self._on_silence = on_silence
        self._heard_s = monotonic()
        self._timer: Timer | None = None

    @property
    def silence_s(self) -> float:
        """How long ago the last sign of life was, or the beginning."""
        return monotonic() - self._heard_s

    def begin(self) -> None:
        """Expect signs of life from now on."""
        self._heard_s = monotonic()
        self._arm()

    def hear(self) -> None:
        """Take note of a sign of life."""
        self.has_heard, self._heard_s = True, monotonic()

    def change(self, timeout_s: float) -> None:
        """Expect them at another pace from now on; 0 expects none."""
        self.timeout_s = timeout_s
        if self._timer is not None:
            self.cancel()
            self.begin()

    def trigger(self) -> None:
        """Take note that the role itself says it hangs."""
        self.cancel()
        self._on_silence(True)

    def cancel(self) -> None:
        """Expect none any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.cancel()
        if self.timeout_s > 0:
            self._timer = self._loop.call_later(max(0.0, self.timeout_s - self.silence_s), self._look)

    def _look(self) -> None:
        if self.silence_s < self.timeout_s:
            self._arm()
        else:
            self._timer = None
            self._on_silence(False)
