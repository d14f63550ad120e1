"""One track's way to its files: a bounded queue on the hub's side, a thread of its own behind it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from xr_media_hub.recording._archive import Archive
from xr_media_hub.recording._segment import Segment

__all__ = ("TrackWriter",)

logger = logging.getLogger(__name__)

# After this long without anything a file is complete; what comes later starts another one.
IDLE_LIMIT_S = 10.0
# A full disk or a busy encoder may recover; asking more often only costs time.
_RETRY_S = 10.0


class Timed(Protocol):
    """Anything with a time."""

    @property
    def pts_us(self) -> int:
        """Microseconds since the epoch."""


ItemT = TypeVar("ItemT", bound=Timed)


class TrackWriter(Generic[ItemT]):
    """Writes one track's items to file after file.

    `offer` never waits. Whatever fails in the thread is logged and counted; writing is tried again later.
    """

    def __init__(
        self,
        kind: str,
        who: object,
        archive: Archive,
        start: Callable[[ItemT], Segment[ItemT]],
        queue_most: int,
        *,
        idle_limit_s: float = IDLE_LIMIT_S,
    ) -> None:
        """``start`` opens a file for its first item; ``who`` is how the log names the participant."""
        self.written = 0
        self.dropped = 0
        self.failure = ""
        self._kind = kind
        self._who = who
        self._archive = archive
        self._start = start
        self._queue_most = queue_most
        self._idle_limit_s = idle_limit_s
        self._queue: deque[ItemT] = deque()
        self._changed = threading.Condition()
        self._is_ending = False
        self._has_ended = False
        self._segment: Segment[ItemT] | None = None
        self._retry_at_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"recording {kind}", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; it ends by itself when nothing comes any more."""
        return self._thread.is_alive()

    @property
    def is_full(self) -> bool:
        """Whether the next item would be dropped; saves the caller the copy of it."""
        return len(self._queue) >= self._queue_most

    def offer(self, item: ItemT) -> bool:
        """Queue an item, or count it as dropped; False when this writer has ended and another must be made."""
        with self._changed:
            if self._has_ended or self._is_ending:
                return False
            if self.is_full:
                self.dropped += 1
            else:
                self._queue.append(item)
                self._changed.notify()
            return True

    def end(self) -> None:
        """Let the thread write what waits, complete the file and end; returns at once."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()

    def join(self, limit_s: float) -> bool:
        """Wait for the thread; False if it still runs."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._write(item)
            except Exception as error:  # an encoder or a disk: both are outside of what we can know
                self._failed(error)
        self._close()

    def _next(self) -> ItemT | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_ending, self._idle_limit_s)
            if self._queue:
                return self._queue.popleft()
            self._has_ended = True
            return None

    def _write(self, item: ItemT) -> None:
        if time.monotonic() < self._retry_at_s:
            self.dropped += 1
            return
        if self._segment is not None and (self._must_end() or not self._segment.fits(item)):
            self._close()
        if self._archive.is_full:
            self.dropped += 1
            return
        if self._segment is None:
            self._segment = self._start(item)
        self._segment.add(item)
        self.written += 1
        self.failure = ""

    def _must_end(self) -> bool:
        return self._archive.is_full or self._archive.is_crowded

    def _close(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            segment.close()
        except Exception as error:  # as in `_run`
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.dropped += 1
        self._retry_at_s = time.monotonic() + _RETRY_S
        level = logging.DEBUG if self.failure else logging.ERROR
        self.failure = _reason(error)
        text = "recording the %s of %s fails, next try in %.0f s: %s"
        logger.log(level, text, self._kind, self._who, _RETRY_S, self.failure)
        self._close()


def _reason(error: Exception) -> str:
    """What went wrong, without the path that an OSError names: folders are called after people."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
