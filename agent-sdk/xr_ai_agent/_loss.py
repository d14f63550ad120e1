"""Counting what went wrong, and saying so once rather than a thousand times."""

import logging
import time
from collections import Counter

# A stream loses things at its own rate (100/s for audio); a person reads one line per kind and period.
_REPEAT_AFTER_S = 10.0


class LossCounter:
    """Counts events by kind; logs the first of a kind at once and a running total every 10 s after that."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}
        self._logged_count: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """Events so far by kind."""
        return dict(self._counts)

    def count(
        self,
        kind: str,
        detail: object = "",
        *,
        error: BaseException | None = None,
        level: int = logging.WARNING,
        number: int = 1,
        who: object = "",
    ) -> None:
        """Count ``number`` events; ``detail`` is formatted only when it is logged, ``error`` adds its traceback.

        ``who`` is what people chose, such as an id or a topic: it is in the line only where DEBUG is logged too.
        """
        self._counts[kind] += number
        now = time.monotonic()
        if now - self._logged_at.get(kind, -_REPEAT_AFTER_S) < _REPEAT_AFTER_S:
            return
        more = self._counts[kind] - self._logged_count[kind] - 1
        self._logged_at[kind] = now
        self._logged_count[kind] = self._counts[kind]
        suffix = f" (and {more} more since the last such line)" if more else ""
        about = f" ({who})" if who and self._logger.isEnabledFor(logging.DEBUG) else ""
        self._logger.log(level, "%s: %s%s%s", kind, detail, about, suffix, exc_info=error)
