"""What the hub's dispatch needs of what is around it: sockets to send on, connectors in its own process."""

from typing import Protocol

from xr_ai_agent._wire.messages import AudioChunk, DataMessage, ReturnAudioFlush


class ReturnSink(Protocol):
    """A connector in the hub's own process, as the hub sees it."""

    def deliver_audio(self, chunk: AudioChunk) -> None:
        """Speech for one of its participants."""

    def deliver_data(self, message: DataMessage) -> None:
        """Data for one of its participants."""

    def deliver_flush(self, flush: ReturnAudioFlush) -> None:
        """Stop of the speech to one of its participants."""


class Outlets(Protocol):
    """How the hub sends. Nothing here waits or blocks."""

    def publish(self, topic: bytes, frame: bytes) -> None:
        """Send on the contract's socket."""

    def publish_video(self, topic: bytes, frame: bytes) -> None:
        """Send on the socket for frame signals."""

    def is_heard(self, topic: bytes) -> bool:
        """Whether anybody listens to a topic, on either socket."""

    def answer(self, agent_id: str, *parts: bytes) -> None:
        """Send to one agent."""

    @property
    def video_addresses(self) -> tuple[str, ...]:
        """Where the socket for frame signals is."""

    @property
    def control_addresses(self) -> tuple[str, ...]:
        """Where agents ask."""
