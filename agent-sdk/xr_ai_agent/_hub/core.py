"""What the hub does with each message: who may say it, who gets it, what is kept. No sockets here."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

from xr_ai_agent._callbacks import CallbackList, CallbackRunner
from xr_ai_agent._errors import InvalidIdError, RingError
from xr_ai_agent._hub.admission import Admission
from xr_ai_agent._hub.agent_requests import AgentRequests
from xr_ai_agent._hub.connector_rings import ConnectorRings
from xr_ai_agent._hub.frame_store import FrameStore, SlotView, TrackState
from xr_ai_agent._hub.media_checks import MediaChecks
from xr_ai_agent._hub.ports import Outlets, ReturnSink
from xr_ai_agent._hub.returns import ReturnPath
from xr_ai_agent._hub.stream_counts import StreamCounts
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.inbound import UNREADABLE, decode_or_count
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.codec import encode, encode_fields
from xr_ai_agent._wire.ids import validate_connector_id, validate_participant_id, validate_track_id
from xr_ai_agent._wire.messages import (
    AudioChunk,
    ControlMessage,
    DataMessage,
    FrameData,
    FrameRequest,
    FrameSignal,
    HubHeartbeat,
    HubTick,
    HubWelcome,
    MsgType,
    ParticipantEvent,
    RosterQuery,
    RosterRequest,
    TrackEnd,
)

logger = logging.getLogger(__name__)

PROTOCOL_VERSION = 3

_FRAME_SIGNAL = int(MsgType.FRAME_SIGNAL)
# How long a hub-local coroutine callback (a recorder) may read a frame before its slot may be taken.
_LOCAL_HOLD_S = 5.0


class HubCore:
    """Dispatch and state of a hub."""

    def __init__(self, outlets: Outlets, data_max_bytes: int, losses: LossCounter) -> None:
        self.losses = losses
        self.runner = CallbackRunner(self.losses)
        self.on_frame: CallbackList[SlotView] = CallbackList(self.runner)
        self.on_audio: CallbackList[AudioChunk] = CallbackList(self.runner)
        self.on_data: CallbackList[DataMessage] = CallbackList(self.runner)
        self.on_participant: CallbackList[ParticipantEvent] = CallbackList(self.runner, calls_max=None)
        self.on_control: CallbackList[ControlMessage] = CallbackList(self.runner)
        self.roster = Roster()
        self.frames = FrameStore()
        self.inboxes: set[str] = set()
        self.requests = AgentRequests(outlets, self.frames, self.roster, self.inboxes, losses)
        # Differs after a restart, so that peers notice that everything they told the hub is forgotten.
        self.epoch = secrets.token_hex(8)
        self._outlets = outlets
        self._publish = outlets.publish
        self.checks = MediaChecks(self.roster, data_max_bytes, losses)
        self._streams = StreamCounts()
        self._returns = ReturnPath(outlets, self.roster, self.inboxes, self.checks, self._streams, losses)
        self._rings = ConnectorRings(losses)
        self._admission = Admission(self.roster, self._returns.sinks, self._rings, self.take_event, losses)
        self._handlers: dict[int, Callable[[Any, bytes], None]] = {
            MsgType.FRAME_SIGNAL: self._on_frame_signal,
            MsgType.FRAME_DATA: self._on_frame_data,
            MsgType.AUDIO_CHUNK: self.take_audio,
            MsgType.CONTROL: self._on_control,
            MsgType.DATA_MESSAGE: self.take_data,
            MsgType.FRAME_REQUEST: self._on_frame_request,
            MsgType.ROSTER_REQUEST: self._on_roster_request,
            MsgType.ROSTER_QUERY: self._on_roster_query,
            MsgType.TRACK_END: self._on_track_end,
            **self._admission.handlers,
            **self._returns.handlers,
        }
        self._control_handlers: dict[int, Callable[[Any, bytes], None]] = {
            **self.requests.handlers,
            MsgType.SPEECH_FLUSH: self._returns.on_speech_flush,
        }

    # --- what arrives at the hub's sockets ---

    def receive(self, frame: bytes) -> None:
        """Handle one message of a peer; whatever it holds, the hub goes on."""
        self._dispatch(frame, self._handlers)

    def receive_control(self, agent_id: str, frame: bytes) -> None:
        """Handle one message on the control channel of an agent."""
        self._dispatch(frame, self._control_handlers, agent_id)

    def _dispatch(
        self, frame: bytes, handlers: dict[int, Callable[[Any, bytes], None]], sender: str | None = None
    ) -> None:
        msg_type, message = decode_or_count(frame, self.losses)
        if msg_type == UNREADABLE:
            return
        handler = handlers.get(msg_type)
        if handler is None:
            self.losses.count("unexpected message", f"message id {msg_type} does not belong here")
            return
        if sender is not None and message.agent_id != sender:
            self.losses.count("message in another's name", f"agent {sender!r:.80} as {message.agent_id!r:.80}")
            return
        try:
            handler(message, frame)
        except InvalidIdError as error:
            self.losses.count("invalid id", "of a participant, track, connector or topic", who=error)
        except RingError as error:
            self.losses.count("frame lost", error)

    def inbox_changed(self, owner: str, marker: str, is_open: bool) -> None:
        """An agent or connector subscribed to its inbox (or to a marker behind its other topics), or is gone."""
        if is_open:
            self.inboxes.add(owner)
            self._admission.inbox_opened(owner)
            self._welcome(owner, marker)
        elif not marker:
            self.inboxes.discard(owner)
            self._admission.inbox_closed(owner)
            self.frames.drop_agent(owner)
            self.requests.drop_agent(owner)
            self._returns.utterances.drop_agent(owner)
            if owner not in self._returns.sinks:
                self._drop_connector(owner)

    # --- what connectors say, in this process or through a socket ---

    def add_sink(self, connector_id: str, sink: ReturnSink) -> None:
        """Serve a connector in this process.

        Raises:
            InvalidIdError: the id is malformed or taken.
        """
        validate_connector_id(connector_id)
        if connector_id in self._returns.sinks or connector_id in self._rings:
            raise InvalidIdError(f"connector id {connector_id!r} is taken")
        self._returns.sinks[connector_id] = sink

    def remove_sink(self, connector_id: str) -> None:
        """Forget a connector of this process; its participants have left."""
        self._returns.sinks.pop(connector_id, None)
        self._leave_all(connector_id)

    def take_event(self, event: ParticipantEvent) -> None:
        """Somebody joined or left. Raises InvalidIdError for an id that must not cross the hub."""
        validate_participant_id(event.participant_id)
        owner = self.roster.connector_of(event.participant_id)
        if event.joined and owner not in (None, event.connector_id):
            # Another connector takes over: one session ends, and another begins.
            self._apply(ParticipantEvent(event.participant_id, False, event.pts_us, owner or ""))
        self._apply(self.roster.dated(event))

    def _apply(self, event: ParticipantEvent) -> None:
        if not event.joined and event.participant_id in self.roster:
            # Nothing is announced of them later.
            self._announce(self._streams.announced_of(event.participant_id))
        if not self.roster.apply(event):
            return
        self.frames.drop_participant(event.participant_id)
        self._returns.drop_participant(event.participant_id)
        self._streams.end(event.participant_id)
        if event.joined:
            self._streams.begin(event.participant_id)
        # Below INFO, for it names people; the program around this hub says it in its own way.
        logger.debug("participant %s %s", event.participant_id, "joined" if event.joined else "left")
        self.on_participant.fire(event)
        frame = encode(MsgType.PARTICIPANT_EVENT, event)
        self._publish(topics.PARTICIPANT, frame)
        # In order with the signals as well: it tells of which session they are.
        self._outlets.publish_video(topics.PARTICIPANT, frame)

    def publish_frame(self, state: TrackState) -> None:
        """Tell everybody of a frame that the store has just taken."""
        topic = state.topic
        if self._outlets.is_heard(topic):
            frame = encode_fields(_FRAME_SIGNAL, state.fields)
            self._outlets.publish_video(topic, frame)
            self._publish(topic, frame)
        if self.on_frame:
            self._fire_frame(state.signal)

    def take_audio(self, chunk: AudioChunk, frame: bytes | None = None) -> None:
        """A participant's sound; ``frame`` is its encoding where there is one."""
        validate_track_id(chunk.track_id)
        if not (self.checks.is_present(chunk.participant_id, "audio") and self.checks.is_sound(chunk)):
            return
        self.on_audio.fire(chunk)
        self._streams.add(topics.AUDIO, chunk.participant_id)
        topic = topics.audio(chunk.participant_id, chunk.track_id)
        self._publish(topic, frame or encode(MsgType.AUDIO_CHUNK, chunk))

    def take_data(self, message: DataMessage, frame: bytes | None = None) -> None:
        """A participant's data message."""
        if not (self.checks.is_present(message.participant_id, "data") and self.checks.is_data(message)):
            return
        self.on_data.fire(message)
        self._streams.add(topics.DATA, message.participant_id)
        topic = topics.data(message.participant_id, message.topic)
        self._publish(topic, frame or encode(MsgType.DATA_MESSAGE, message))

    def send_control(self, message: ControlMessage) -> None:
        """Broadcast to every program."""
        self._streams.add_control()
        self._publish(topics.CONTROL, encode(MsgType.CONTROL, message))

    def heartbeat(self) -> None:
        """Let peers check that they missed no join, no leave, no restart, and what they missed of sound and data."""
        self._announce(self._streams.announced)
        self._publish(topics.TICK, encode(MsgType.HUB_TICK, HubTick(self.epoch, self.requests.pulses.tick())))

    def _announce(self, streams: tuple[tuple[bytes, int], ...]) -> None:
        heartbeat = HubHeartbeat(self.epoch, self.roster.digest, streams)
        self._publish(topics.HUB, encode(MsgType.HUB_HEARTBEAT, heartbeat))

    def close(self) -> None:
        """Free everything."""
        self.runner.close()
        self._rings.close()
        self.frames.close()

    # --- handlers ---

    def _on_frame_signal(self, signal: FrameSignal, _: bytes) -> None:
        ring = self._rings.ring_of(signal, self.roster.connector_of(signal.participant_id))
        if ring is None:
            return
        pixels = ring.read(signal)
        try:
            # Copied out at once, so that no slot of the connector can stay held, whatever happens next.
            if not self.checks.is_picture(signal.fmt, signal.width, signal.height, pixels.nbytes):
                return
            track, size = (signal.participant_id, validate_track_id(signal.track_id)), (signal.width, signal.height)
            stored = self.frames.put(track, signal.fmt, size, signal.pts_us, pixels, signal.seq)
        finally:
            pixels.release()
            ring.release(signal.slot)
        self.publish_frame(stored)

    def _on_frame_data(self, frame: FrameData, _: bytes) -> None:
        """A frame of a connector on another machine, which has no memory in common with the hub."""
        picture = (frame.fmt, frame.width, frame.height, len(frame.data))
        if not (self.checks.is_present(frame.participant_id, "frame") and self.checks.is_picture(*picture)):
            return
        track, size = (frame.participant_id, validate_track_id(frame.track_id)), (frame.width, frame.height)
        self.publish_frame(self.frames.put(track, frame.fmt, size, frame.pts_us, memoryview(frame.data), frame.seq))

    def _on_control(self, message: ControlMessage, frame: bytes) -> None:
        if not self.checks.is_control(frame):
            return
        self.on_control.fire(message)
        self._streams.add_control()
        self._publish(topics.CONTROL, frame)

    def _on_frame_request(self, request: FrameRequest, _: bytes) -> None:
        topic = topics.video_data(request.participant_id, request.track_id)
        if not self._outlets.is_heard(topic):
            return
        frame: FrameData | None = self.frames.newest((request.participant_id, request.track_id))
        if frame is not None:
            self._publish(topic, encode(MsgType.FRAME_DATA, frame))

    def _on_track_end(self, end: TrackEnd, _: bytes) -> None:
        self.frames.end_track((end.participant_id, end.track_id))

    def _on_roster_request(self, _: RosterRequest, __: bytes) -> None:
        # v0.1 has no return address: everyone sees the repeat. Ours subscribe to an inbox instead.
        for event in self.roster.joins:
            self._publish(topics.PARTICIPANT, encode(MsgType.PARTICIPANT_EVENT, event))

    def _on_roster_query(self, query: RosterQuery, _: bytes) -> None:
        endpoint_id, _dot, marker = query.agent_id.partition(".")
        if endpoint_id in self.inboxes:
            self._welcome(endpoint_id, marker)

    # --- helpers ---

    def video_marker_seen(self, owner: str, marker: str) -> None:
        """An agent's subscriptions on the socket for frame signals are live up to a marker."""
        self._outlets.publish_video(topics.inbox(owner, marker), self._encode_welcome())

    def _welcome(self, endpoint_id: str, marker: str = "") -> None:
        self._publish(topics.inbox(endpoint_id, marker), self._encode_welcome())

    def _encode_welcome(self) -> bytes:
        roster = tuple((e.participant_id, e.connector_id, e.pts_us) for e in self.roster.joins)
        addresses = (self._outlets.video_addresses, self._outlets.control_addresses)
        return encode(MsgType.HUB_WELCOME, HubWelcome(PROTOCOL_VERSION, self.epoch, roster, *addresses))

    def _drop_connector(self, connector_id: str) -> None:
        if connector_id in self._rings:
            logger.warning("connector %s is gone; its participants have left", connector_id)
        self._rings.drop(connector_id)
        self._leave_all(connector_id)

    def _leave_all(self, connector_id: str) -> None:
        for participant_id in self.roster.of_connector(connector_id):
            self.take_event(ParticipantEvent(participant_id, False, 0, connector_id))

    def _fire_frame(self, signal: FrameSignal) -> None:
        track = (signal.participant_id, signal.track_id)
        view, release = self.frames.hold(track, _LOCAL_HOLD_S)
        release()
        self.on_frame.fire_holding(view, lambda: self.frames.hold(track, _LOCAL_HOLD_S)[1])
