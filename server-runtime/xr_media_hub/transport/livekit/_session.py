"""One participant from token to leave: their presence, their tracks, their data and the voice they hear."""

import asyncio
import enum
import logging
from collections.abc import Callable

from livekit import rtc

from xr_ai_agent import AudioChunk, Connector, DataMessage
from xr_media_hub._stats import HubStats, ParticipantStats, QueueDepths
from xr_media_hub.transport.livekit._data_in import DataIn
from xr_media_hub.transport.livekit._data_out import DataOut
from xr_media_hub.transport.livekit._events import Event, discard
from xr_media_hub.transport.livekit._inbox import Inbox
from xr_media_hub.transport.livekit._media_streams import MediaEvents
from xr_media_hub.transport.livekit._pulse import Pulse
from xr_media_hub.transport.livekit._return_track import ReturnTrack
from xr_media_hub.transport.livekit._room_keeper import ParticipantRoom
from xr_media_hub.transport.livekit._rooms import EMPTY_ROOM_S
from xr_media_hub.transport.livekit._signalling import Signalling
from xr_media_hub.transport.livekit._tasks import Tasks
from xr_media_hub.transport.livekit._tracks import TrackReaders, now_us

logger = logging.getLogger(__name__)

# A full reconnect of a client is a leave and a join 0.2 s apart; agents should not see one.
RECONNECT_GRACE_S = 2.0
# LiveKit tells of a participant who publishes nothing within 3 s; twice that, and they are not there.
CONFIRM_S = 6.0


class Presence(enum.Enum):
    """Where the participant of a session is."""

    EXPECTED = "expected"
    HERE = "here"
    AWAY = "away"


class ParticipantSession:
    """Owns a participant's streams and return voice; tells the hub who is there.

    Everything that happens in the room passes one queue and one task, so that a join is always told before media.
    """

    def __init__(
        self,
        participant_id: str,
        room: ParticipantRoom,
        *,
        connector: Connector,
        stats: HubStats,
        signalling: Signalling,
        media: MediaEvents,
        max_data_bytes: int,
        on_closed: Callable[["ParticipantSession"], None],
    ) -> None:
        self.participant_id = participant_id
        self.presence = Presence.EXPECTED
        self.counts = ParticipantStats()
        self.opened_at_s = asyncio.get_running_loop().time()
        self._room = room
        self._connector = connector
        self._stats = stats
        self._on_closed = on_closed
        self._who = stats.who(participant_id)
        self._readers = TrackReaders(self._who, connector, media, self.counts)
        self._voice = ReturnTrack(self._who, room, self.counts)
        self._inbox = Inbox(self._who, self.counts)
        self._data_in = DataIn(self._who, self._pass_data, self.counts, max_data_bytes)
        self._data_out = DataOut(self._who, self.counts, max_data_bytes)
        self._timer: asyncio.TimerHandle | None = None
        self._signalling = signalling
        self._pulse = Pulse(self._heard, lambda: self.note(("silent",)))
        self._is_announced = False
        self._tasks = Tasks()
        self._closing = False

    async def open(self) -> None:
        """Be there before the participant is.

        Raises:
            RoomUnavailable: LiveKit did not give us the room.
        """
        await self._room.open(self.note)
        self.start()

    def start(self) -> None:
        """Handle what happens in the room, which is open."""
        self._tasks.spawn(self._handle_events(), "events")
        self._tasks.spawn(self._data_out.run(self._send_data), "data out")
        self._signalling.watch(self._room.name, self.participant_id, lambda is_open: self.note(("signalling", is_open)))
        if self._room.is_shared:
            self._later(EMPTY_ROOM_S, "never came")  # a room of one's own is closed by LiveKit

    async def close(self) -> None:
        """Give up the room and tell the hub that the participant is gone; safe to call again."""
        if self._closing:
            return
        self._closing = True
        self._on_closed(self)
        self._cancel_timer()
        self._signalling.forget(self._room.name, self.participant_id)
        self._pulse.stop()
        self._tasks.cancel()
        self._voice.pause()
        self._data_in.stop()
        self._inbox.clear()
        await self._readers.stop_all()
        await self._announce_left()
        await self._room.close()
        await self._voice.aclose()

    def send_data(self, message: DataMessage) -> None:
        """Queue a message for the participant; what cannot be sent is counted and logged."""
        self._data_out.put(message)

    def play(self, chunk: AudioChunk) -> None:
        """Queue speech for the participant."""
        self._voice.play(chunk)

    def flush(self) -> None:
        """Silence the participant's return track now."""
        self._voice.flush()

    def note(self, event: Event) -> None:
        """Something happened in the room; handled in order."""
        self._inbox.put(event)

    async def _handle_events(self) -> None:
        while True:
            event = await self._inbox.get()
            try:
                await self._handle(event)
            except Exception:
                logger.exception("%s: event %s failed", self._who, event[0])

    async def _handle(self, event: Event) -> None:
        match event:
            case ("participant_active", rtc.RemoteParticipant() as who) if self._is_ours(who):
                if not self._pulse.is_cut:  # else LiveKit tells of somebody who is gone already
                    await self._arrived()
            case ("track_subscribed", rtc.Track() as track, _, rtc.RemoteParticipant() as who) if self._is_ours(who):
                await self._arrived()
                await self._read(track)
            case ("track_unsubscribed", rtc.Track() as track, _, rtc.RemoteParticipant()):
                await self._readers.stop(track.sid)
                logger.info("%s: track %s ended", self._who, track.sid)
            case ("data_received", rtc.DataPacket() as packet) if self._may_be_from(packet.participant):
                await self._arrived()
                await self._data_in.packet(packet.topic or "", packet.data)
            case ("stream_opened", rtc.ByteStreamReader() | rtc.TextStreamReader() as reader, self.participant_id):
                await self._arrived()
                self._data_in.stream(reader)
            case ("stream_opened", *_):
                discard(event)
            case ("participant_disconnected", rtc.RemoteParticipant() as who) if self._is_ours(who):
                await self._departed()
            case ("room_lost",):
                await self._departed()
            case ("signalling", bool() as is_open):
                self._pulse.connection(is_open=is_open)
                if is_open and self.presence is Presence.AWAY and self._room.has(self.participant_id):
                    await self._arrived()
            case ("silent",) if self._pulse.is_cut and self.presence is Presence.HERE:
                self._away()
            case ("room_ended",):
                self._tasks.spawn(self.close(), "close")
            case ("unconfirmed",) if not self._room.has(self.participant_id):
                await self._departed()
            case ("grace over",) if self.presence is Presence.AWAY:
                await self._gone()
            case ("never came",) if self.presence is Presence.EXPECTED:
                self._tasks.spawn(self.close(), "close")

    def _is_ours(self, participant: rtc.RemoteParticipant) -> bool:
        return participant.identity == self.participant_id

    def _may_be_from(self, sender: rtc.RemoteParticipant | None) -> bool:
        # LiveKit announces a participant who publishes nothing up to 3 s late; until then their data has no sender.
        # A room of one's own admits nobody else, and a shared one has found out who it was.
        return sender is None or self._is_ours(sender)

    async def _pass_data(self, topic: str, data: bytes) -> None:
        await self._connector.push_data(DataMessage(self.participant_id, topic, now_us(), data))
        self.counts.data_in += 1

    async def _arrived(self) -> None:
        if self.presence is Presence.HERE:
            return
        self._cancel_timer()
        was_away, self.presence = self.presence is Presence.AWAY, Presence.HERE
        if not self._is_announced:
            self._is_announced = True
            self._stats.joined(self.participant_id, self.counts, self._queues)
            logger.info("%s joined", self._who)
            await self._connector.notify_participant_joined(self.participant_id, now_us())
        self._voice.start()
        self._pulse.watch()
        # Whoever goes before LiveKit has announced them is never said to have gone.
        self._later(CONFIRM_S, "unconfirmed")
        if was_away:
            # A client whose connection was cut tells LiveKit nothing new when it is back, and LiveKit us nothing.
            for track in self._room.tracks_of(self.participant_id):
                await self._read(track)

    async def _read(self, track: rtc.Track) -> None:
        if self._readers.reads(track):
            return
        await self._readers.start(track)
        kind = "audio" if track.kind == rtc.TrackKind.KIND_AUDIO else "video"
        logger.info("%s: %s track %s started", self._who, kind, track.sid)

    async def _departed(self) -> None:
        await self._readers.stop_all()
        self._away()

    def _away(self) -> None:
        self._voice.pause()
        self.presence = Presence.AWAY
        self._later(RECONNECT_GRACE_S, "grace over")

    def _later(self, delay_s: float, name: str) -> None:
        """Set the session's one timer, which any further sign of presence or absence replaces."""
        self._cancel_timer()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay_s, lambda: self.note((name,)))

    async def _gone(self) -> None:
        await self._readers.stop_all()
        await self._announce_left()
        await self._voice.remove()
        if self._room.is_shared and not self._room.has(self.participant_id):
            self._tasks.spawn(self.close(), "close")

    async def _announce_left(self) -> None:
        if self._is_announced:
            self._is_announced = False
            logger.info("%s left", self._who)
            self._stats.left(self.participant_id)
            await self._connector.notify_participant_left(self.participant_id, now_us())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _send_data(self, topic: str, data: bytes) -> None:
        await self._room.send_data(self.participant_id, topic, data)

    def _heard(self) -> int:
        return self.counts.data_in + self.counts.video_frames + self.counts.dropped_in

    def _queues(self) -> QueueDepths:
        return QueueDepths(len(self._inbox), len(self._data_out), self._data_in.open_streams, self._voice.queued_s)
