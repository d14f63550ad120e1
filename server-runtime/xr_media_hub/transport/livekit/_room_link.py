"""One connection of the hub to a LiveKit room."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from livekit import rtc
from livekit.rtc._proto.track_pb2 import ParticipantTrackPermission
from livekit.rtc.data_stream import StreamError
from livekit.rtc.participant import PublishDataError, PublishTrackError, UnpublishTrackError
from livekit.rtc.room import DataStreamOptions

from xr_media_hub._errors import RoomUnavailable
from xr_media_hub.transport.livekit._events import Event
from xr_media_hub.transport.livekit._return_voice import ReturnVoice

logger = logging.getLogger(__name__)

_CONNECT_LIMIT_S = 10.0
# More than a signalling round trip, less than a person waits.
_DISCONNECT_LIMIT_S = 2.0
# The server answers within a round trip; after this time the track is published anew.
_PUBLISH_LIMIT_S = 5.0
# A client that does not want to hear must not make the queue grow for ever.
_SUBSCRIBE_LIMIT_S = 5.0
# LiveKit's data channel takes packets up to about 64 KiB; what is larger goes as a stream of the same topic.
PACKET_BYTES = 60_000
# A stream that a network of 1 Mbit/s could not carry in this time is given up.
_STREAM_LIMIT_S = 10.0
_STREAM_BYTES_PER_S = 125_000

_FORWARDED = (
    "participant_active",
    "participant_disconnected",
    "track_subscribed",
    "track_unsubscribed",
    "data_received",
    "reconnecting",
    "reconnected",
    "disconnected",
    "local_track_republished",
)


class RoomLink:
    """Connects, forwards the events the session cares about, publishes the return track.

    Gathers its network addresses once: 52 to 75 open files less per room than LiveKit's default.
    """

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self._voices: dict[str, rtc.LocalTrackPublication] = {}
        self._is_restricted = False

    @classmethod
    async def open(cls, url: str, token: str, max_data_bytes: int, on_event: Callable[[Event], None]) -> "RoomLink":
        """Join the room; ``on_event`` is called on the event loop for everything that happens from now on.

        Incoming streams are events too: ``("stream_opened", reader, identity)``; larger ones than ``max_data_bytes``
        end with an error.

        Raises:
            RoomUnavailable: LiveKit refused or did not answer in time.
        """
        room = rtc.Room()
        for name in _FORWARDED:
            room.on(name, _forward(name, on_event))  # type: ignore[arg-type]
        _receive_streams(room, on_event)
        options = rtc.RoomOptions(
            connect_timeout=_CONNECT_LIMIT_S,
            rtc_config=rtc.RtcConfiguration(
                continual_gathering_policy=rtc.ContinualGatheringPolicy.GATHER_ONCE,
            ),
            data_stream=DataStreamOptions(max_payload_byte_length=max_data_bytes),
        )
        connecting = asyncio.ensure_future(room.connect(url, token, options))
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # The native side goes on connecting; what it opens must be closed again.
            connecting.add_done_callback(lambda done: _leave_if_joined(room, done))
            raise
        except rtc.ConnectError as error:
            raise RoomUnavailable(f"the hub could not join a room at {url}: {error.message}") from error
        return cls(room)

    @property
    def participants(self) -> list[rtc.RemoteParticipant]:
        """Who is in the room besides the hub."""
        return list(self.room.remote_participants.values())

    def tracks_of(self, participant_id: str) -> list[rtc.Track]:
        """The participant's tracks that the hub has subscribed to."""
        participant = self.room.remote_participants.get(participant_id)
        publications = participant.track_publications.values() if participant else ()
        return [each.track for each in publications if each.track is not None]

    def restrict_voices(self) -> None:
        """Let each participant subscribe to their own return track alone, from now on and for those that come."""
        self._is_restricted = True
        permissions = [
            ParticipantTrackPermission(participant_identity=participant_id, allowed_track_sids=[voice.sid])
            for participant_id, voice in self._voices.items()
        ]
        self.room.local_participant.set_track_subscription_permissions(
            allow_all_participants=False, participant_permissions=permissions
        )

    async def publish_voice(self, participant_id: str, voice: ReturnVoice) -> None:
        """Publish the participant's return track; does nothing when it is published already.

        Raises:
            RoomUnavailable: LiveKit refused or did not answer in time.
        """
        if participant_id in self._voices:
            return
        track = rtc.LocalAudioTrack.create_audio_track(f"xr-hub-return-{participant_id}", voice.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=True)
        publishing = asyncio.ensure_future(self.room.local_participant.publish_track(track, options))
        try:
            async with asyncio.timeout(_PUBLISH_LIMIT_S):
                self._voices[participant_id] = await asyncio.shield(publishing)
        except PublishTrackError as error:
            raise RoomUnavailable(f"the return track could not be published: {error.message}") from error
        except TimeoutError as error:
            raise RoomUnavailable(f"the return track was not published within {_PUBLISH_LIMIT_S:.0f} s") from error
        finally:
            if participant_id not in self._voices:
                # The native side goes on: with two tracks of one voice everything would be heard twice.
                publishing.add_done_callback(self._take_back)
        if self._is_restricted:
            self.restrict_voices()

    async def until_heard(self, participant_id: str) -> None:
        """Wait until the participant has subscribed to their track: what is played before is lost on them."""
        voice = self._voices.get(participant_id)
        if voice is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(voice.wait_for_subscription(), _SUBSCRIBE_LIMIT_S)

    async def unpublish_voice(self, participant_id: str) -> None:
        """Take the return track away: where nobody is, it only costs processor time."""
        voice = self._voices.pop(participant_id, None)
        if voice is None:
            return
        await self._unpublish(voice)
        if self._is_restricted:
            self.restrict_voices()

    async def _unpublish(self, voice: rtc.LocalTrackPublication) -> None:
        try:
            async with asyncio.timeout(_PUBLISH_LIMIT_S):
                await self.room.local_participant.unpublish_track(voice.sid)
        except UnpublishTrackError as error:
            logger.debug("return track %s was not there any more: %s", voice.sid, error.message)
        except TimeoutError:
            logger.warning("LiveKit did not take back the return track %s", voice.sid)

    def _take_back(self, published: "asyncio.Future[rtc.LocalTrackPublication]") -> None:
        if not published.cancelled() and published.exception() is None:
            _finish(self._unpublish(published.result()))

    async def send_data(self, participant_id: str, topic: str, data: bytes) -> None:
        """Send data of any size reliably to the participant alone, as a packet or as a byte stream.

        Raises:
            RoomUnavailable: LiveKit did not take it.
        """
        local, to = self.room.local_participant, [participant_id]
        try:
            if len(data) <= PACKET_BYTES:
                await local.publish_data(data, reliable=True, topic=topic, destination_identities=to)
                return
            async with asyncio.timeout(_STREAM_LIMIT_S + len(data) / _STREAM_BYTES_PER_S):
                # Compressed, it would be readable for the newest clients only.
                await local.send_bytes(data, topic=topic, destination_identities=to, compress=False)
        except PublishDataError as error:
            raise RoomUnavailable(f"data was not sent: {error.message}") from error
        except StreamError as error:
            raise RoomUnavailable(f"a stream of {len(data)} bytes was not sent: {error.description}") from error
        except TimeoutError as error:
            raise RoomUnavailable(f"a stream of {len(data)} bytes took too long") from error

    async def close(self) -> None:
        """Leave the room."""
        try:
            await asyncio.wait_for(self.room.disconnect(), _DISCONNECT_LIMIT_S)
        except TimeoutError:
            logger.warning("leaving a room took longer than %.0f s; its connection is dropped", _DISCONNECT_LIMIT_S)


def _forward(name: str, on_event: Callable[[Event], None]) -> Callable[..., None]:
    def handler(*arguments: object) -> None:
        on_event((name, *arguments))

    return handler


class _AnyTopic(dict[str, Callable[[Any, str], None]]):
    """The SDK knows handlers of one topic each; ours takes every topic, as it does for packets."""

    def __init__(self, handler: Callable[[Any, str], None]) -> None:
        super().__init__()
        self._handler = handler

    def get(self, _topic: str, _default: object = None) -> Callable[[Any, str], None]:
        return self._handler


def _receive_streams(room: rtc.Room, on_event: Callable[[Event], None]) -> None:
    handlers = _AnyTopic(lambda reader, identity: on_event(("stream_opened", reader, identity)))
    room._byte_stream_handlers = handlers
    room._text_stream_handlers = handlers


def _leave_if_joined(room: rtc.Room, done: "asyncio.Future[None]") -> None:
    if not done.cancelled() and done.exception() is None:
        _finish(room.disconnect())


def _finish(coroutine: Coroutine[None, None, None]) -> None:
    task = asyncio.ensure_future(coroutine)
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)


_finishing: "set[asyncio.Future[None]]" = set()
