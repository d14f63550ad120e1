"""One room for everybody (``isolation: permissions``): each event goes to the session that it concerns."""

from collections.abc import Callable, Sequence

from livekit import rtc

from xr_media_hub.transport.livekit._events import DATA, Event, discard
from xr_media_hub.transport.livekit._return_voice import ReturnVoice
from xr_media_hub.transport.livekit._room_keeper import LOST, RoomKeeper
from xr_media_hub.transport.livekit._unattributed import Unattributed

Listener = Callable[[Event], None]


class SharedRoom:
    """Opened once by the hub; `place_of` gives a participant's session its part."""

    def __init__(self, keeper: RoomKeeper, on_stranger: Callable[[str], None], on_lost: Callable[[int], None]) -> None:
        """``on_stranger`` is told of somebody in the room who has no place; it may make one at once.

        ``on_lost`` is told how many data messages could not be attributed to anybody.
        """
        self.keeper = keeper
        self._on_stranger = on_stranger
        self._listeners: dict[str, Listener] = {}
        self._unattributed = Unattributed(keeper.announce_all, self._deliver, on_lost)

    async def open(self) -> None:
        """Create and join the room. Raises RoomUnavailable."""
        await self.keeper.open(self._dispatch)

    async def close(self) -> None:
        """Leave and remove the room."""
        self._unattributed.forget()
        await self.keeper.close()

    def place_of(self, participant_id: str) -> "SharedPlace":
        """Return one participant's part of the room."""
        return SharedPlace(self, participant_id)

    def listen(self, participant_id: str, listener: Listener) -> None:
        """Send what concerns a participant to ``listener`` from now on."""
        self._listeners[participant_id] = listener

    def forget(self, participant_id: str) -> None:
        """Stop listening for a participant."""
        self._listeners.pop(participant_id, None)

    def _dispatch(self, event: Event) -> None:
        if event == LOST:
            self._unattributed.forget()
            for listener in list(self._listeners.values()):
                listener(event)
            return
        identity = _identity_of(event)
        if event[0] in DATA:
            if self._unattributed.take(identity, event):
                return
        elif identity is not None:
            self._unattributed.announced(identity)
        if identity is not None:
            self._deliver(identity, event)
        else:
            discard(event)

    def _deliver(self, identity: str, event: Event) -> None:
        if identity not in self._listeners:
            self._on_stranger(identity)
        listener_of = self._listeners.get(identity)
        if listener_of is not None:
            listener_of(event)
        else:
            discard(event)


class SharedPlace:
    """A `ParticipantRoom` within the shared room."""

    is_shared = True

    def __init__(self, room: SharedRoom, participant_id: str) -> None:
        self.name = room.keeper.name
        self._room = room
        self._participant_id = participant_id

    async def open(self, on_event: Listener) -> None:
        """Hear what concerns the participant."""
        self.listen(on_event)

    def listen(self, on_event: Listener) -> None:
        """See `open`; there is nothing to wait for."""
        self._room.listen(self._participant_id, on_event)

    async def close(self) -> None:
        """Leave no track behind."""
        self._room.forget(self._participant_id)
        await self._room.keeper.unpublish_voice(self._participant_id)

    def has(self, participant_id: str) -> bool:
        """See `ParticipantRoom`."""
        return self._room.keeper.has(participant_id)

    def tracks_of(self, participant_id: str) -> Sequence[rtc.Track]:
        """See `ParticipantRoom`."""
        return self._room.keeper.tracks_of(participant_id)

    async def send_data(self, participant_id: str, topic: str, data: bytes) -> None:
        """See `ParticipantRoom`."""
        await self._room.keeper.send_data(participant_id, topic, data)

    async def publish_voice(self, participant_id: str, voice: ReturnVoice) -> None:
        """See `ParticipantRoom`."""
        await self._room.keeper.publish_voice(participant_id, voice)

    async def until_heard(self, participant_id: str) -> None:
        """See `ParticipantRoom`."""
        await self._room.keeper.until_heard(participant_id)

    async def unpublish_voice(self, participant_id: str) -> None:
        """See `ParticipantRoom`."""
        await self._room.keeper.unpublish_voice(participant_id)


def _identity_of(event: Event) -> str | None:
    match event:
        case ("stream_opened", _, str(identity)):
            return identity
        case ("data_received", rtc.DataPacket() as packet):
            return packet.participant.identity if packet.participant else None
        case (_, *_, rtc.RemoteParticipant() as who):
            return str(who.identity)
    return None
