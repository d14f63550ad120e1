"""A transport in the hub's own process: the hub's dispatch is one call away."""

from xr_ai_agent._connector.api import Buffer
from xr_ai_agent._connector.picture import check_picture
from xr_ai_agent._connector.returns import ReturnCallbacks
from xr_ai_agent._hub.core import HubCore
from xr_ai_agent._wire.ids import validate_track_id
from xr_ai_agent._wire.messages import AudioChunk, DataMessage, ParticipantEvent, PixelFormat


class LocalConnector(ReturnCallbacks):
    """Made by `HubEndpoint.connect_local`; see the `Connector` protocol for each method."""

    def __init__(self, core: HubCore, connector_id: str) -> None:
        super().__init__(core.runner)
        self._core = core
        self._connector_id = connector_id
        core.add_sink(connector_id, self)

    @property
    def connector_id(self) -> str:
        """The id under which the hub knows this connector."""
        return self._connector_id

    async def notify_participant_joined(self, participant_id: str, pts_us: int) -> None:
        """Announce a participant. Raises InvalidIdError for an id that must not cross the hub."""
        self._core.take_event(ParticipantEvent(participant_id, True, pts_us, self._connector_id))

    async def notify_participant_left(self, participant_id: str, pts_us: int) -> None:
        """Announce that a participant is gone; everything held for them is freed."""
        self._core.take_event(ParticipantEvent(participant_id, False, pts_us, self._connector_id))

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
        """Store one frame's packed pixels and signal it; returns its sequence number (0: nobody is there).

        Raises:
            MalformedMessageError: the pixels are not as many as format and size say, or a side is too long.
            InvalidIdError: the track id must not cross the hub.
            RingError: the system has no memory for the track.
        """
        pixels = memoryview(data).cast("B")
        track, frames = (participant_id, track_id), self._core.frames
        if not self._core.checks.is_of(self._connector_id, participant_id, "frame"):
            return 0
        state, layout = frames.state(track), (fmt, width, height, pixels.nbytes)
        if state is None or state.layout != layout:
            check_picture(*layout)
        if state is None:
            validate_track_id(track_id)
        state = frames.put(track, fmt, (width, height), pts_us, pixels)
        state.layout = layout
        self._core.publish_frame(state)
        return state.fields[1]

    async def push_audio(self, chunk: AudioChunk) -> None:
        """Pass a participant's sound to the agents."""
        if self._core.checks.is_of(self._connector_id, chunk.participant_id, "audio"):
            self._core.take_audio(chunk)

    async def push_data(self, message: DataMessage) -> None:
        """Pass a participant's data message to the agents."""
        if self._core.checks.is_of(self._connector_id, message.participant_id, "data"):
            self._core.take_data(message)

    async def end_track(self, participant_id: str, track_id: str) -> None:
        """Say that a video track ended; its memory is freed."""
        self._core.frames.end_track((participant_id, track_id))

    def close(self) -> None:
        """Leave the hub; this connector's participants have left."""
        self._core.remove_sink(self._connector_id)
