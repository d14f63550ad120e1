"""What the hub and a transport say to each other, wherever the transport runs."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, runtime_checkable

from xr_ai_agent._wire.messages import AudioChunk, DataMessage, PixelFormat, ReturnAudioFlush

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Contiguous bytes; for a numpy array pass ``memoryview(array)``."""


@runtime_checkable
class Connector(Protocol):
    """A transport's side of the hub: `LocalConnector` in the hub's process, `ConnectorEndpoint` in another.

    Participants are announced before their media; media of a participant who is not announced is dropped and
    counted. Callbacks may be plain functions (called at once, on the loop: keep them short) or coroutine
    functions (a task each); an exception in one is logged and counted, and never reaches the hub.
    """

    @property
    def connector_id(self) -> str:
        """The id under which the hub knows this connector."""

    async def notify_participant_joined(self, participant_id: str, pts_us: int) -> None:
        """Announce a participant. Raises InvalidIdError for an id that must not cross the hub."""

    async def notify_participant_left(self, participant_id: str, pts_us: int) -> None:
        """Announce that a participant is gone; everything held for them is freed."""

    async def push_frame(
        self,
        participant_id: str,
        track_id: str,
        fmt: PixelFormat,
        width: int,
        height: int,
        pts_us: int,
        data: Buffer,
    ) -> int:
        """Store one frame's packed pixels (copied once), signal it, return its sequence number (0: nobody is there).

        Raises MalformedMessageError for pixels that are not as many as format and size say.
        """

    async def push_audio(self, chunk: AudioChunk) -> None:
        """Pass a participant's sound to the agents."""

    async def push_data(self, message: DataMessage) -> None:
        """Pass a participant's data message to the agents."""

    async def end_track(self, participant_id: str, track_id: str) -> None:
        """Say that a video track ended; its memory is freed."""

    def on_return_audio(self, callback: Callable[[AudioChunk], Awaitable[None] | None]) -> None:
        """Receive speech for this connector's participants."""

    def on_return_data(self, callback: Callable[[DataMessage], Awaitable[None] | None]) -> None:
        """Receive data for this connector's participants."""

    def on_return_audio_flush(self, callback: Callable[[ReturnAudioFlush], Awaitable[None] | None]) -> None:
        """Receive requests to stop speaking; no chunk sent before the flush comes after it."""
