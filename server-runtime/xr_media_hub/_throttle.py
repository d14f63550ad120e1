"""Log lines for what may happen many times a second: each kind is said at most once in a while, with its number."""

import logging
import time

__all__ = ("Throttled",)

_PERIOD_S = 10.0


class Throttled:
    """One kind of line. What was not said is told with the next line."""

    def __init__(self, logger: logging.Logger, level: int = logging.WARNING, period_s: float = _PERIOD_S) -> None:
        self._logger = logger
        self._level = level
        self._period_s = period_s
        self._next_at_s = 0.0
        self._unsaid = 0

    def log(self, text: str, *arguments: object) -> None:
        """Say it (a format and its arguments, as for `logging`), or count it."""
        now_s = time.monotonic()
        if now_s < self._next_at_s:
            self._unsaid += 1
            return
        self._next_at_s = now_s + self._period_s
        more = f" (and {self._unsaid} more since the last such line)" if self._unsaid else ""
        self._unsaid = 0
        self._logger.log(self._level, f"{text}{more}", *arguments)
