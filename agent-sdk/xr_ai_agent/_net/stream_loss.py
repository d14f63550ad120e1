"""Counting what was lost of sound and data: the hub says once a second how much it published of each stream."""

from dataclasses import dataclass

from xr_ai_agent._loss import LossCounter


@dataclass(slots=True)
class _Stream:
    received: int = 0
    announced: int | None = None


class StreamLoss:
    """Compares what came between two announcements with what was sent; they travel in order with the stream."""

    def __init__(self, losses: LossCounter) -> None:
        self._losses = losses
        # Entered by its first message: before that the subscription may not have been live.
        self._streams: dict[bytes, _Stream] = {}

    def received(self, stream: bytes) -> None:
        """Take note of a message."""
        known = self._streams.get(stream)
        if known is None:
            known = self._streams[stream] = _Stream()
        known.received += 1

    def announced(self, streams: tuple[tuple[bytes, int], ...]) -> None:
        """Compare with what the hub published of each stream so far."""
        for topic, count in streams:
            stream = self._streams.get(topic)
            if stream is None:
                continue
            if stream.announced is not None and count >= stream.announced:
                lost = count - stream.announced - stream.received
                if lost > 0:
                    kind = topic.partition(b".")[0].decode("ascii", "replace")
                    self._losses.count(f"{kind} lost", topic.decode("utf-8", "replace"), number=lost)
            stream.announced, stream.received = count, 0

    def forget(self, *streams: bytes) -> None:
        """These are not listened to any more."""
        for stream in streams:
            self._streams.pop(stream, None)

    def reset(self) -> None:
        """Another hub counts now."""
        self._streams.clear()
