"""How many bytes of large messages wait for a peer that does not read: ZeroMQ itself counts messages, not bytes."""

import time
from collections import deque
from typing import Final

import zmq

LARGE_BYTES: Final = 32_768
"""From here on a message is counted, and sent without a copy. (So many smaller ones as a queue holds are bearable.)"""

# Asking each of the many that may wait takes milliseconds.
_LOOK_AGAIN_S: Final = 0.1


class Backlog:
    """The large messages that ZeroMQ still holds; of these, at most ``max_bytes``."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[zmq.MessageTracker, int]] = deque()
        self._bytes = 0
        self._looked_at = 0.0

    def has_room(self, size: int) -> bool:
        """Whether a message of so many bytes may wait as well; one always may."""
        while self._waiting and self._waiting[0][0].done:
            self._bytes -= self._waiting.popleft()[1]
        if self._waiting and self._bytes + size > self._max_bytes:
            self._look_through()
        return not self._waiting or self._bytes + size <= self._max_bytes

    def send(self, socket: zmq.Socket[bytes], frame: bytes, flags: int) -> None:
        """Send the last part of a message, and note until when ZeroMQ holds it. Raises ZMQError as the socket does."""
        tracker = socket.send(zmq.Frame(frame, track=True, copy=False), flags)
        self._waiting.append((tracker, len(frame)))
        self._bytes += len(frame)

    def _look_through(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AGAIN_S:
            return
        self._looked_at = now
        # One peer is slow, and what went to others may be gone.
        self._waiting = deque(entry for entry in self._waiting if not entry[0].done)
        self._bytes = sum(size for _, size in self._waiting)
