"""A transport in a process of its own, on the hub's machine or on another one."""

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Final

from xr_ai_agent._callbacks import CallbackRunner
from xr_ai_agent._connector.announcer import Announcer
from xr_ai_agent._connector.api import Buffer
from xr_ai_agent._connector.frame_outlet import FrameOutlet, InlineOutlet, RingOutlet
from xr_ai_agent._connector.inbound import ReturnIn
from xr_ai_agent._connector.link import ConnectorLink
from xr_ai_agent._connector.picture import check_picture
from xr_ai_agent._connector.returns import ReturnCallbacks
from xr_ai_agent._frames.connector_ring import DEFAULT_MAX_FRAME_BYTES, DEFAULT_NUM_SLOTS, ConnectorRing
from xr_ai_agent._life import Life
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.inbound import decode_or_count
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.addresses import hub_addresses
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.ids import validate_connector_id, validate_participant_id, validate_track_id
from xr_ai_agent._wire.messages import (
    AudioChunk,
    ControlMessage,
    DataMessage,
    FrameSignal,
    HubWelcome,
    MsgType,
    ParticipantEvent,
    PixelFormat,
    TrackEnd,
)

logger = logging.getLogger(__name__)

# Sound that waited longer is late anyway.
_SEND_TIMEOUT_S = 1.0


class ConnectorEndpoint(ReturnCallbacks, Life):
    """See the `Connector` protocol for each method; call `register` once, and `run` to receive.

    On the hub's machine frames go through a shared-memory ring. To a hub on another machine (``keys``) they go inside
    messages: twice the copies, and the network's bandwidth (raw I420: 41 MB/s for 720p at 30 frames/s).
    """

    def __init__(
        self,
        push_addr: str | None = None,
        sub_addr: str | None = None,
        connector_id: str = "",
        shm_name: str = "",
        num_slots: int = DEFAULT_NUM_SLOTS,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        keys: CurveKeys | None = None,
    ) -> None:
        """Create the ring and connect (default: `hub_addresses`).

        Args:
            push_addr: where the hub takes messages in.
            sub_addr: where the hub publishes.
            connector_id: 1–64 letters, digits, ``_`` or ``-`` (default: random).
            shm_name: of the ring (default: one that no other connector has).
            num_slots: frames that the hub may hold at a time.
            max_frame_bytes: the largest frame.
            keys: for a hub on another machine (default: `CurveKeys.from_environment` if ``sub_addr`` is tcp).

        Raises:
            InvalidIdError: an id or the segment's name is malformed.
            RingError: the system has no room for the ring, or another connector has one of this name.
            KeyFileError: a key file is missing or holds no key.
        """
        pub_default, pull_default = hub_addresses()
        addresses = (sub_addr or pub_default, push_addr or pull_default)
        keys = keys or CurveKeys.for_address(addresses[0])
        self._connector_id = connector_id = validate_connector_id(connector_id or secrets.token_hex(16))
        self._losses = LossCounter(logger)
        self._runner = CallbackRunner(self._losses)
        ReturnCallbacks.__init__(self, self._runner)
        Life.__init__(self)
        self._roster = Roster()
        self._seqs: Counter[tuple[str, str]] = Counter()
        self._hub_epoch: str | None = None
        self._welcomed = asyncio.Event()

        handlers = (self._on_published, self._on_sent_ahead)
        self._link = ConnectorLink(connector_id, addresses, keys, self._losses, *handlers)
        self._frames: FrameOutlet = InlineOutlet(self._link.sender, max_frame_bytes)
        if keys is None:
            size = (num_slots, max_frame_bytes)
            ring = ConnectorRing.create(shm_name, *size) if shm_name else ConnectorRing.create_for(connector_id, *size)
            self._frames = RingOutlet(ring, self._link.sender)
        self._announcer = Announcer(connector_id, self._roster, self._frames, self._link.sender)
        self._returns = ReturnIn(self, self._roster, self._losses)

    @property
    def connector_id(self) -> str:
        """The id under which the hub knows this connector."""
        return self._connector_id

    @property
    def losses(self) -> dict[str, int]:
        """What was dropped or failed here, by kind."""
        return self._losses.counts

    async def register(self) -> None:
        """Tell the hub where this connector's frames lie; one that may have forgotten is told again by itself."""
        await self._announcer.register()

    async def notify_participant_joined(self, participant_id: str, pts_us: int) -> None:
        """Announce a participant, or again whom another connector took over.

        A hub that takes no messages is told when it does again; a call waits two seconds for that at most.

        Raises:
            InvalidIdError: the id must not cross the hub.
        """
        validate_participant_id(participant_id)
        if self._roster.apply(ParticipantEvent(participant_id, True, pts_us, self._connector_id)):
            for topic in _return_topics(participant_id):
                self._link.subscribe(topic)
        join = self._roster.join_of(participant_id)
        await self._wait_subscribed()
        # They may have left meanwhile, and be back: this join would be that of nobody, or told too early.
        if join is not None and self._roster.join_of(participant_id) is join:
            await self._announcer.tell(join)

    async def notify_participant_left(self, participant_id: str, pts_us: int) -> None:
        """Announce that a participant is gone; everything held for them is freed. Told as surely as a join."""
        event = ParticipantEvent(participant_id, False, pts_us, self._connector_id)
        if not self._roster.apply(event):
            return
        for topic in _return_topics(participant_id):
            self._link.unsubscribe(topic)
        for track in [track for track in self._seqs if track[0] == participant_id]:
            del self._seqs[track]
        self._returns.forget(participant_id)
        await self._announcer.tell(event)

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
        """Pass on one frame's packed pixels; returns its sequence number (0: nobody is there).

        Raises:
            MalformedMessageError: the pixels are not as many as format and size say, or a side is too long.
            RingFullError: the hub does not keep up (or is gone); the frame is dropped.
            FrameTooLargeError: the frame does not fit a slot.
        """
        if participant_id not in self._roster:
            self._losses.count("frame of nobody dropped", f"participant {participant_id!r:.80} is not connected")
            return 0
        track = (participant_id, validate_track_id(track_id))
        pixels = memoryview(data).cast("B")
        check_picture(fmt, width, height, pixels.nbytes)
        seq = self._seqs[track] + 1
        self._frames.send(FrameSignal(0, seq, pts_us, width, height, fmt, pixels.nbytes, *track), pixels)
        self._seqs[track] = seq
        return seq

    async def push_audio(self, chunk: AudioChunk) -> None:
        """Pass a participant's sound to the agents."""
        await self._send(MsgType.AUDIO_CHUNK, chunk, "audio")

    async def push_data(self, message: DataMessage) -> None:
        """Pass a participant's data message to the agents."""
        await self._send(MsgType.DATA_MESSAGE, message, "data")

    async def send_control(self, topic: str, payload: dict[str, object]) -> None:
        """Broadcast to every program on this hub."""
        await self._send(MsgType.CONTROL, ControlMessage(topic, payload), "control")

    async def end_track(self, participant_id: str, track_id: str) -> None:
        """Say that a video track ended; its memory is freed."""
        self._seqs.pop((participant_id, track_id), None)
        if self._hub_epoch is not None:
            # A v0.1 hub does not know this message, and frees the track when its participant leaves.
            await self._send(MsgType.TRACK_END, TrackEnd(participant_id, track_id), "end of track")

    async def wait_connected(self) -> None:
        """Return once a hub sees this connector's subscriptions (hubs of v0.1 never say so). Needs `run`."""
        await self._welcomed.wait()

    @contextlib.contextmanager
    def _serving(self) -> Iterator[None]:
        self._link.start()
        try:
            yield
        finally:
            self._link.stop()

    def _free(self) -> None:
        self._runner.close()
        self._link.close()
        self._frames.close()

    async def _wait_subscribed(self) -> None:
        # An agent may answer a join at once; then our subscription must not still be on its way.
        if self._hub_epoch is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self._link.wait_subscribed()

    async def _send(self, msg_type: MsgType, message: object, what: str) -> None:
        await self._link.sender.send(encode(msg_type, message), what, _SEND_TIMEOUT_S)

    def _on_published(self, parts: list[bytes]) -> None:
        topic = parts[0]
        msg_type, message = decode_or_count(parts[-1], self._losses)
        self._announcer.on_topic(topic)
        if msg_type == MsgType.HUB_WELCOME:
            # Those to a marker answer a question; this one says that a hub, or a connection to it, is new.
            if topic == topics.inbox(self._connector_id):
                self._on_welcome(message)
        elif msg_type == MsgType.HUB_HEARTBEAT:
            self._returns.on_heartbeat(message)
        elif msg_type in _RETURNED:
            self._returns.take(msg_type, message)

    def _on_sent_ahead(self, parts: list[bytes]) -> None:
        msg_type, message = decode_or_count(parts[-1], self._losses)
        if msg_type == MsgType.SPEECH_FLUSH:
            self._returns.take(msg_type, message)

    def _on_welcome(self, welcome: HubWelcome) -> None:
        if welcome.hub_epoch != self._hub_epoch:
            self._hub_epoch = welcome.hub_epoch
            self._returns.restart()
        self._link.follow(welcome)
        self._runner.spawn(self._introduce(welcome))

    async def _introduce(self, welcome: HubWelcome) -> None:
        await self._wait_subscribed()
        self._welcomed.set()
        await self._announcer.introduce(welcome)


_RETURNED: Final = frozenset(
    (MsgType.RETURN_AUDIO, MsgType.RETURN_DATA, MsgType.RETURN_AUDIO_FLUSH, MsgType.SPEECH, MsgType.SPEECH_FLUSH)
)


def _return_topics(participant_id: str) -> tuple[bytes, bytes, bytes]:
    return (
        topics.return_audio(participant_id),
        topics.return_audio_flush(participant_id),
        topics.return_data(participant_id),
    )
