"""The agent's endpoint: what participants send comes in, what the agent answers goes out."""

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

import zmq

from xr_ai_agent import _topics as topics
from xr_ai_agent._addresses import hub_addresses
from xr_ai_agent._callbacks import Callback, CallbackList, CallbackRunner
from xr_ai_agent._codec import decode, encode
from xr_ai_agent._errors import MalformedMessageError, UnknownMessageError
from xr_ai_agent._frame_fetch import BorrowedFrame, FrameFetcher
from xr_ai_agent._interest import Interest
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._markers import SubscriptionMarkers
from xr_ai_agent._messages import (
    AGENT_STATUS_TOPIC,
    AudioChunk,
    ControlMessage,
    DataMessage,
    FrameData,
    FrameSignal,
    HubHeartbeat,
    HubWelcome,
    MsgType,
    ParticipantEvent,
    ReturnAudioFlush,
    RosterQuery,
    RosterRequest,
    Subscribe,
)
from xr_ai_agent._roster import Roster
from xr_ai_agent._signal_queue import SignalQueue
from xr_ai_agent._sockets import PushSender, SocketReader, open_socket

logger = logging.getLogger(__name__)

# Small on purpose: the rest of a long speech waits in its sender, so that a flush has little ahead of it.
_PUSH_HWM_MESSAGES = 128
_SUB_HWM_MESSAGES = 20_000
_SEND_TIMEOUT_S = 5.0
# A v0.1 hub cannot tell that it sees our subscriptions; it gets this long, and the question again a few times.
_SETTLE_S = 0.1
_ROSTER_REPEAT_S = (0.4, 1.0, 2.0, 4.0)


class Track(Protocol):
    """Anything that names a video track, such as a `FrameSignal`."""

    @property
    def participant_id(self) -> str:
        """Whose it is."""

    @property
    def track_id(self) -> str:
        """Which of theirs."""


class ProcessorEndpoint:
    """Connects an agent to a hub; the hub may come, go and come back at any time."""

    def __init__(
        self,
        sub_addr: str | None = None,
        push_addr: str | None = None,
        *,
        auto_subscribe: bool = True,
        filter: Subscribe = Subscribe.ALL,
    ) -> None:
        """Connect (default: `hub_addresses`).

        Args:
            sub_addr: where the hub publishes.
            push_addr: where the hub takes messages in.
            auto_subscribe: listen to everyone who joins; else only to whom `subscribe` names.
            filter: what to listen to, unless `subscribe` says otherwise.
        """
        pub_default, pull_default = hub_addresses()
        self._agent_id = secrets.token_hex(8)
        self._auto_subscribe = auto_subscribe
        self._filter = filter
        self._losses = LossCounter(logger)
        self._runner = CallbackRunner(self._losses)
        self._on_frame: CallbackList[FrameSignal] = CallbackList(self._runner)
        self._on_frame_data: CallbackList[FrameData] = CallbackList(self._runner)
        self._on_audio: CallbackList[AudioChunk] = CallbackList(self._runner)
        self._on_data: CallbackList[DataMessage] = CallbackList(self._runner)
        self._on_participant: CallbackList[ParticipantEvent] = CallbackList(self._runner)
        self._on_control: CallbackList[ControlMessage] = CallbackList(self._runner)
        self._roster = Roster()
        self._markers = SubscriptionMarkers(self._agent_id, self._add_topic, self._drop_topic)
        self._hub_epoch: str | None = None
        self._welcomed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._is_closed = False

        self._sub = open_socket(zmq.SUB)
        self._sub.rcvhwm = _SUB_HWM_MESSAGES
        self._push = open_socket(zmq.PUSH)
        self._push.sndhwm = _PUSH_HWM_MESSAGES
        self._signals = SignalQueue(self._fire_signal)
        self._reader = SocketReader(self._sub, self._on_published, self._losses, self._signals.end_batch)
        self._sender = PushSender(self._push, self._losses)
        self._interest = Interest(self._add_topic, self._drop_topic, filter if auto_subscribe else Subscribe.NONE)
        self._frames = FrameFetcher(self._agent_id, self._sender.send_now, self._losses)
        self._handlers = self._make_handlers()
        for topic in (topics.PARTICIPANT, topics.CONTROL, topics.HUB, topics.inbox(self._agent_id)):
            self._sub.subscribe(topic)
        self._sub.connect(sub_addr or pub_default)
        self._push.connect(push_addr or pull_default)

    # --- who is there ---

    @property
    def connected_participants(self) -> frozenset[str]:
        """Ids of everyone connected."""
        return self._roster.ids

    @property
    def subscribed_participants(self) -> frozenset[str]:
        """Ids of everyone this agent listens to (or will, once they join)."""
        return self._interest.participants

    @property
    def frames_missed(self) -> int:
        """Frames whose signal no callback saw: lost on the way, or skipped because the agent was behind."""
        return self._signals.missed

    @property
    def losses(self) -> dict[str, int]:
        """What was dropped or failed here, by kind."""
        return self._losses.counts

    def subscribe(self, participant_id: str, *, filter: Subscribe | None = None) -> None:
        """Listen to a participant, present or not; a new ``filter`` replaces the old one."""
        self._interest.listen(participant_id, self._filter if filter is None else filter)

    def unsubscribe(self, participant_id: str) -> None:
        """Stop listening to a participant."""
        self._interest.listen(participant_id, Subscribe.NONE)

    # --- callbacks ---

    def on_frame(self, callback: Callback[FrameSignal]) -> None:
        """Be told of each video frame."""
        self._on_frame.add(callback)

    def on_frame_data(self, callback: Callback[FrameData]) -> None:
        """Be given each frame that this agent fetched."""
        self._on_frame_data.add(callback)

    def on_audio(self, callback: Callback[AudioChunk]) -> None:
        """Hear participants."""
        self._on_audio.add(callback)

    def on_data(self, callback: Callback[DataMessage]) -> None:
        """Receive participants' data messages."""
        self._on_data.add(callback)

    def on_participant(self, callback: Callback[ParticipantEvent]) -> None:
        """Be told of joins and leaves, each once."""
        self._on_participant.add(callback)

    def on_control(self, callback: Callback[ControlMessage]) -> None:
        """Receive broadcasts of other programs."""
        self._on_control.add(callback)

    # --- frames ---

    async def request_frame(self, signal: Track, timeout: float = 1.0) -> FrameData | None:
        """Return a copy of the newest frame of the signal's track, None when there is none or no answer in time."""
        frame = await self._frames.fetch((signal.participant_id, signal.track_id), timeout)
        if frame is not None:
            self._on_frame_data.fire(frame)
        return frame

    def borrow_frame(
        self, signal: Track, timeout: float = 1.0, lease: float = 1.0
    ) -> contextlib.AbstractAsyncContextManager[BorrowedFrame | None]:
        """Lend the newest frame without copying it: ``async with hub.borrow_frame(signal) as frame: …``.

        The hub leaves the pixels alone for ``lease`` seconds; `BorrowedFrame.is_intact` tells whether they held.
        """
        return self._frames.borrow((signal.participant_id, signal.track_id), timeout, lease)

    # --- answers; each returns False when the hub took it not in time (counted and logged) ---

    async def send_return_audio(self, chunk: AudioChunk) -> bool:
        """Speak to ``chunk.participant_id``; waits while the hub is busy."""
        return await self._send(MsgType.RETURN_AUDIO, chunk, "return audio")

    async def send_return_data(self, message: DataMessage) -> bool:
        """Send data to ``message.participant_id``."""
        return await self._send(MsgType.RETURN_DATA, message, "return data")

    async def flush_return_audio(self, participant_id: str) -> bool:
        """Stop speaking to a participant: what was sent and not yet heard is dropped."""
        return await self._send(MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush(participant_id), "flush")

    async def set_status(self, status: str, participant_id: str | None = None) -> None:
        """Show a participant (or everyone) what the agent does: loading, idle, listening, processing, speaking."""
        payload = json.dumps({"status": status}).encode()
        targets = self._roster.ids if participant_id is None else (participant_id,)
        for target in targets:
            await self.send_return_data(DataMessage(target, AGENT_STATUS_TOPIC, time.time_ns() // 1000, payload))

    async def send_control(self, topic: str, payload: dict[str, Any]) -> bool:
        """Broadcast to the other programs on this hub."""
        return await self._send(MsgType.CONTROL, ControlMessage(topic, payload), "control")

    async def request_roster(self) -> bool:
        """Ask the hub to repeat who is connected."""
        if self._hub_epoch is not None:
            return await self._send(MsgType.ROSTER_QUERY, RosterQuery(self._agent_id), "roster request")
        return await self._send(MsgType.ROSTER_REQUEST, RosterRequest(), "roster request")

    # --- life ---

    async def run(self) -> None:
        """Receive until `stop`."""
        if self._is_closed:
            return
        self._reader.start()
        self._sender.start()
        roster = asyncio.create_task(self._ask_roster_until_known())
        try:
            await self._stopped.wait()
        finally:
            roster.cancel()
            self._reader.stop()

    async def wait_connected(self) -> None:
        """Return once a hub is there and sees this agent's subscriptions (v0.1 hubs never say so). Needs `run`."""
        await self._welcomed.wait()
        await self.wait_subscribed()

    async def wait_subscribed(self) -> None:
        """Return once the hub sees every subscription made so far (v0.1 hubs never say so). Needs `run`."""
        await self._markers.wait()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    def close(self) -> None:
        """Cancel running callbacks and disconnect; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self.stop()
        self._reader.stop()
        self._sender.stop()
        self._runner.close()
        self._frames.close()
        self._sub.close()
        self._push.close()

    # --- private ---

    def _make_handlers(self) -> dict[int, Callable[[Any], None]]:
        return {
            MsgType.FRAME_SIGNAL: self._signals.add,
            MsgType.AUDIO_CHUNK: self._on_audio_chunk,
            MsgType.CONTROL: self._on_control.fire,
            MsgType.DATA_MESSAGE: self._on_data_message,
            MsgType.PARTICIPANT_EVENT: self._on_event,
            MsgType.FRAME_DATA: self._frames.on_broadcast,
            MsgType.HUB_WELCOME: self._on_welcome,
            MsgType.HUB_HEARTBEAT: self._on_heartbeat,
            MsgType.FRAME_REPLY: self._frames.on_reply,
        }

    async def _send(self, msg_type: MsgType, message: Any, what: str) -> bool:
        return await self._sender.send(encode(msg_type, message), what, _SEND_TIMEOUT_S)

    def _add_topic(self, topic: bytes) -> None:
        self._sub.subscribe(topic)
        self._reader.check()

    def _drop_topic(self, topic: bytes) -> None:
        if self._is_closed:
            return
        self._sub.unsubscribe(topic)
        self._reader.check()

    def _on_published(self, parts: list[bytes]) -> None:
        try:
            msg_type, message = decode(parts[-1])
        except UnknownMessageError as error:
            self._losses.count("unknown message id", error)
            return
        except MalformedMessageError as error:
            self._losses.count("malformed message", error)
            return
        handler = self._handlers.get(msg_type)
        if handler is not None:
            handler(message)
        self._markers.on_topic(parts[0])

    # The socket's filter is a byte prefix and lags behind `subscribe`: what is really wanted is checked here.

    def _fire_signal(self, signal: FrameSignal) -> None:
        if self._interest.of(signal.participant_id) & Subscribe.VIDEO:
            self._on_frame.fire(signal)

    def _on_audio_chunk(self, chunk: AudioChunk) -> None:
        if self._interest.of(chunk.participant_id) & Subscribe.AUDIO:
            self._on_audio.fire(chunk)

    def _on_data_message(self, message: DataMessage) -> None:
        if self._interest.of(message.participant_id) & Subscribe.DATA:
            self._on_data.fire(message)

    def _on_event(self, event: ParticipantEvent) -> None:
        if not event.joined:
            self._signals.hand_on()
        if not self._roster.apply(event):
            return
        if not event.joined:
            self._signals.forget(event.participant_id)
        if self._auto_subscribe and event.joined and not self._interest.of(event.participant_id):
            self.subscribe(event.participant_id)
        elif self._auto_subscribe and not event.joined:
            self.unsubscribe(event.participant_id)
        self._on_participant.fire(event)

    def _on_welcome(self, welcome: HubWelcome) -> None:
        if welcome.hub_epoch != self._hub_epoch:
            self._hub_epoch = welcome.hub_epoch
            self._frames.reset()
            self._frames.speaks_descriptors = True
            self._interest.stop_broadcast_pixels()
            # Its answer holds the roster as of when every subscription was live: no join falls in between.
            self._runner.spawn(self.wait_subscribed())
        present = {pid for pid, _, _ in welcome.roster}
        for gone in self._roster.ids - present:
            self._on_event(ParticipantEvent(gone, False, time.time_ns() // 1000))
        for participant_id, connector_id, pts_us in welcome.roster:
            self._on_event(ParticipantEvent(participant_id, True, pts_us, connector_id))
        self._welcomed.set()

    def _on_heartbeat(self, heartbeat: HubHeartbeat) -> None:
        self._frames.sweep()
        # Joins and leaves come in order with heartbeats: a difference is a loss, not a delay.
        if heartbeat.hub_epoch == self._hub_epoch and heartbeat.roster_digest != self._roster.digest:
            self._losses.count("join or leave lost", "asking the hub who is connected")
            self._sender.send_now(encode(MsgType.ROSTER_QUERY, RosterQuery(self._agent_id)))

    async def _ask_roster_until_known(self) -> None:
        for pause_s in (_SETTLE_S, *_ROSTER_REPEAT_S):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._welcomed.wait()
            if self._hub_epoch is not None or len(self._roster) or not self._auto_subscribe:
                return
            await self.request_roster()
