"""Joining a hub as a person's browser would."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError
from livekit.rtc.room import DataStreamOptions

from xr_ai_client._admission import Admission, ask_admission, is_tls, tls_context
from xr_ai_client._camera import Camera, Picture
from xr_ai_client._data_line import MAX_DATA_BYTES, DataLine, ReceivedData
from xr_ai_client._errors import ConnectionFailedError, NotConnectedError, NotPublishedError
from xr_ai_client._mailbox import Mailbox
from xr_ai_client._microphone import Microphone
from xr_ai_client._tls_relay import TlsRelay
from xr_ai_client._track_streams import TrackStreams
from xr_ai_client.audio import HeardAudio, as_int16, read_wav

__all__ = ("HUB_IDENTITY", "Camera", "Participant")

logger = logging.getLogger(__name__)

T = TypeVar("T")

HUB_IDENTITY = "xr-hub-connector"
"""Who the hub is in a room."""

_DEFAULT_FPS = 15.0
# An unread minute of sound, a few of the largest messages or many small ones: more means that nobody reads.
_AUDIO_CAPACITY = 6_000
_DATA_CAPACITY_BYTES = 4 * MAX_DATA_BYTES
_DATA_OVERHEAD_BYTES = 1_000
_CONNECT_TIMEOUT_S = 15.0
# A server answers within a second; after a failed reconnect the library waits for its answer for ever.
_ANSWER_MAX_S = 15.0
# Whoever leaves does not depend on being let go; the server finds a lost participant out by itself.
_LEAVE_MAX_S = 5.0


class Participant:
    """One person (or robot) in a hub::

    async with await Participant.join("https://hub:8080", "alice") as alice:
        await alice.send_data("", b"put a red cube in front of me")
        async for message in alice.data():
            print(message.topic, message.text)
    """

    def __init__(
        self,
        admission: Admission,
        hub_identity: str | None = HUB_IDENTITY,
        max_data_bytes: int = MAX_DATA_BYTES,
    ) -> None:
        """Prepare; use `join` or `connect`. With no ``hub_identity`` everybody in the room is heard."""
        self.identity = admission.identity
        self._admission = admission
        self._hub_identity = hub_identity
        self._room = rtc.Room()
        self._relay: TlsRelay | None = None
        self._microphone: Microphone | None = None
        self._cameras: dict[str, Camera] = {}
        self._data_listeners: list[Callable[[ReceivedData], None]] = []
        self._audio_listeners: list[Callable[[HeardAudio], None]] = []
        self._mailboxes: list[Mailbox[ReceivedData] | Mailbox[HeardAudio]] = []
        self._streams = TrackStreams(self._heard)
        self._line = DataLine(self._room, hub_identity, self._on_data, max_data_bytes)
        self._disconnected = asyncio.Event()
        self._is_closed = False
        self._room.on("track_subscribed", self._on_track)
        self._room.on("track_unsubscribed", self._on_track_gone)
        self._room.on("disconnected", self._on_disconnected)

    @classmethod
    async def join(
        cls,
        hub_url: str,
        identity: str,
        *,
        code: str = "",
        ca_file: Path | None = None,
        verify: bool = True,
        hub_identity: str | None = HUB_IDENTITY,
        max_data_bytes: int = MAX_DATA_BYTES,
    ) -> "Participant":
        """Ask a hub for a token and enter its room.

        Args:
            hub_url: where its page is, as ``https://host:8080``.
            identity: the wished name; ``participant.identity`` is the one that was given.
            code: the join code, if the hub wants one.
            ca_file: authority to trust, such as the PEM that the hub serves at ``/cert``.
            verify: False trusts any certificate.
            hub_identity: whom to hear and answer.
            max_data_bytes: the largest data message to take; larger ones are refused (`data_refused`).

        Raises:
            ConnectionFailedError: no hub there, an untrusted certificate, or no way into the room.
            JoinRefusedError: the hub refuses this identity or code.
        """
        context = tls_context(ca_file, verify=verify)
        admission = await ask_admission(hub_url, identity, code, context)
        participant = cls(admission, hub_identity, max_data_bytes)
        try:
            url = admission.url
            if is_tls(url):
                participant._relay = await TlsRelay(url, context).open()
                url = participant._relay.url
            await participant._enter(url)
        except BaseException:
            await participant.aclose()
            raise
        return participant

    @classmethod
    async def connect(cls, url: str, token: str, hub_identity: str | None = HUB_IDENTITY) -> "Participant":
        """Enter a LiveKit room with a token of one's own. Raises ConnectionFailedError."""
        participant = cls(Admission(url, token, "", ""), hub_identity)
        try:
            await participant._enter(url)
        except BaseException:
            await participant.aclose()
            raise
        participant.identity = participant._room.local_participant.identity
        return participant

    async def __aenter__(self) -> "Participant":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def is_connected(self) -> bool:
        """Whether the participant is in the room."""
        return self._room.isconnected() and not self._is_closed

    @property
    def peers(self) -> frozenset[str]:
        """Who else is in the room: with rooms of one's own, the hub alone."""
        return frozenset(self._room.remote_participants)

    async def wait_disconnected(self) -> None:
        """Return once the participant is out of the room, for whatever reason."""
        await self._disconnected.wait()

    # --- data ---

    @property
    def data_refused(self) -> int:
        """Messages that did not reach anybody here: too large, or given up by their sender in the middle."""
        return self._line.refused

    async def send_data(self, topic: str, data: bytes) -> None:
        """Send bytes of any size to the hub, reliably; messages of one topic arrive in the order of the calls.

        Raises:
            NotConnectedError: the participant has left.
            NotSentError: the connection broke before all of it was sent.
            DataTooLargeError: more than `MAX_DATA_BYTES`. (A hub may take less and then drops and counts the message.)
        """
        self._check_connected()
        await self._line.send(topic, data)

    def on_data(self, callback: Callable[[ReceivedData], None]) -> None:
        """Call a plain function with each data message, once per message whatever its size."""
        self._data_listeners.append(callback)

    def data(self) -> Mailbox[ReceivedData]:
        """Return the data messages from now on, to be iterated; ends when the participant leaves."""
        mailbox: Mailbox[ReceivedData] = Mailbox(_DATA_CAPACITY_BYTES, _data_weight)
        self._mailboxes.append(mailbox)
        self._data_listeners.append(mailbox.put)
        return mailbox

    # --- hearing ---

    def on_audio(self, callback: Callable[[HeardAudio], None]) -> None:
        """Call a plain function with each 10 ms of sound from the hub."""
        self._audio_listeners.append(callback)

    def audio(self) -> Mailbox[HeardAudio]:
        """Return the sound from now on, to be iterated; ends when the participant leaves."""
        mailbox: Mailbox[HeardAudio] = Mailbox(_AUDIO_CAPACITY)
        self._mailboxes.append(mailbox)
        self._audio_listeners.append(mailbox.put)
        return mailbox

    # --- speaking and showing ---

    async def open_microphone(self) -> str:
        """Publish the microphone (silent until `say`); returns its track id.

        Raises:
            NotConnectedError: the participant has left.
            NotPublishedError: the media server did not take the track.
        """
        self._check_connected()
        if self._microphone is None:
            self._microphone = microphone = Microphone()
            track = rtc.LocalAudioTrack.create_audio_track("microphone", microphone.source)
            try:
                await self._publish(track, rtc.TrackSource.SOURCE_MICROPHONE)
            except BaseException:
                self._microphone = None
                await microphone.aclose()
                raise
        publications = self._room.local_participant.track_publications.values()
        return next(p.sid for p in publications if p.source == rtc.TrackSource.SOURCE_MICROPHONE)

    async def say(self, samples: npt.NDArray[np.int16] | npt.NDArray[np.floating], rate_hz: int) -> None:
        """Say mono samples (int16, or floats in −1…1) in real time; returns when they are said."""
        await self.open_microphone()
        assert self._microphone is not None
        await self._microphone.say(as_int16(samples), rate_hz)

    async def say_wav(self, path: Path) -> None:
        """Say a 16-bit WAV file in real time."""
        await self.say(*read_wav(path))

    async def open_camera(self, picture: Picture, fps: float = _DEFAULT_FPS) -> Camera:
        """Publish a camera that shows a uint8 RGB picture (height, width, 3) until told otherwise.

        Raises:
            NotConnectedError: the participant has left.
            NotPublishedError: the media server did not take the track.
        """
        self._check_connected()
        camera = Camera(picture, fps)
        track = rtc.LocalVideoTrack.create_video_track("camera", camera.source)
        try:
            sid = await self._publish(track, rtc.TrackSource.SOURCE_CAMERA)
        except BaseException:
            await camera.aclose()
            raise
        self._cameras[sid] = camera
        return camera

    async def close_camera(self, camera: Camera) -> None:
        """Unpublish a camera, and stop it whatever comes of that.

        Raises:
            ConnectionFailedError: the media server did not answer; it may go on showing the last picture for a while.
        """
        try:
            for sid in [sid for sid, known in self._cameras.items() if known is camera]:
                del self._cameras[sid]
                if self.is_connected:
                    await self._answered(self._room.local_participant.unpublish_track(sid))
        except (UnpublishTrackError, TimeoutError) as error:
            raise ConnectionFailedError(
                f"{self._admission.url}: the camera of {self.identity} was not unpublished: {error}"
            ) from error
        except NotConnectedError:
            pass  # nothing is published any more
        finally:
            await camera.aclose()

    async def aclose(self) -> None:
        """Leave; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._line.aclose()
        await self._streams.aclose()
        if self._microphone is not None:
            await self._microphone.aclose()
        for camera in self._cameras.values():
            await camera.aclose()
        try:
            await asyncio.wait_for(self._room.disconnect(), _LEAVE_MAX_S)
        except TimeoutError:
            logger.warning("%s: %s left without the media server's answer", self._admission.url, self.identity)
        if self._relay is not None:
            await self._relay.aclose()
        self._on_disconnected()

    # --- private ---

    async def _enter(self, url: str) -> None:
        options = rtc.RoomOptions(
            auto_subscribe=self._hub_identity is None,
            connect_timeout=_CONNECT_TIMEOUT_S,
            data_stream=DataStreamOptions(max_payload_byte_length=self._line.max_bytes),
        )
        # Only the hub is subscribed to: whoever else is in the room is none of our business.
        self._room.on("track_published", self._on_published)
        try:
            await self._room.connect(url, self._admission.token, options)
        except rtc.ConnectError as error:
            raise ConnectionFailedError(f"{self._admission.url}: no way into the room: {error}") from error
        for peer in self._room.remote_participants.values():
            for publication in peer.track_publications.values():
                self._on_published(publication, peer)

    async def _publish(self, track: rtc.LocalTrack, source: "rtc.TrackSource.ValueType") -> str:
        options = rtc.TrackPublishOptions(source=source, simulcast=False)
        try:
            publication = await self._answered(self._room.local_participant.publish_track(track, options))
        except PublishTrackError as error:
            raise self._not_published(track, f"the media server refused it: {error}") from error
        except TimeoutError as error:
            raise self._not_published(track, str(error)) from error
        return publication.sid

    async def _answered(self, asking: Coroutine[Any, Any, T]) -> T:
        """Wait for the media server's answer to a request.

        Raises:
            NotConnectedError: the participant is out of the room meanwhile.
            TimeoutError: no answer.
        """
        answer = asyncio.ensure_future(asking)
        leaving = asyncio.ensure_future(self._disconnected.wait())
        try:
            await asyncio.wait((answer, leaving), timeout=_ANSWER_MAX_S, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        finally:
            answer.cancel()
            leaving.cancel()
        self._check_connected()
        raise TimeoutError(f"the media server did not answer for {_ANSWER_MAX_S:g} s")

    def _not_published(self, track: rtc.LocalTrack, reason: str) -> NotPublishedError:
        return NotPublishedError(
            f"{self._admission.url}: the {track.name} of {self.identity} was not published: {reason}; "
            "check that the hub runs, then leave and join again"
        )

    def _check_connected(self) -> None:
        if not self.is_connected:
            raise NotConnectedError(f"{self.identity} is not in the room any more")

    def _on_published(self, publication: rtc.RemoteTrackPublication, peer: rtc.RemoteParticipant) -> None:
        if self._line.hears(peer.identity):
            publication.set_subscribed(True)

    def _on_track(self, track: rtc.Track, _: rtc.RemoteTrackPublication, peer: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and self._line.hears(peer.identity) and not self._is_closed:
            self._streams.start(track, peer.identity)

    def _on_track_gone(self, track: rtc.Track, *_: object) -> None:
        self._streams.stop(track.sid)

    def _on_data(self, message: ReceivedData) -> None:
        for listener in self._data_listeners:
            _call(listener, message)

    def _heard(self, audio: HeardAudio) -> None:
        for listener in self._audio_listeners:
            _call(listener, audio)

    def _on_disconnected(self, *_: object) -> None:
        self._disconnected.set()
        for mailbox in self._mailboxes:
            mailbox.close()


def _data_weight(message: ReceivedData) -> int:
    return len(message.data) + _DATA_OVERHEAD_BYTES


def _call(listener: Callable[..., None], value: object) -> None:
    try:
        listener(value)
    except Exception:
        # One listener's bug is not the others'.
        logger.exception("a listener of %s failed", type(value).__name__)
