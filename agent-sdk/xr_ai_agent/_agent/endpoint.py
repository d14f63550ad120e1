"""The agent's endpoint: what participants send comes in, what the agent answers goes out."""

import asyncio
import contextlib
import json
import logging
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

from xr_ai_agent._agent.attendance import Attendance
from xr_ai_agent._agent.borrowed import BorrowedFrame
from xr_ai_agent._agent.frame_fetch import FrameFetcher, Track
from xr_ai_agent._agent.interest import Interest
from xr_ai_agent._agent.link import AgentLink
from xr_ai_agent._agent.loss_report import LossReport
from xr_ai_agent._agent.media import MediaIn
from xr_ai_agent._agent.signal_queue import SignalQueue
from xr_ai_agent._agent.speaker import Speaker
from xr_ai_agent._callbacks import Callback, CallbackList, CallbackRunner
from xr_ai_agent._life import Life
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.inbound import decode_or_count
from xr_ai_agent._net.markers import SubscriptionMarkers
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.addresses import hub_addresses
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import (
    AGENT_STATUS_TOPIC,
    AgentPulse,
    AudioChunk,
    ControlMessage,
    DataMessage,
    FrameData,
    FrameReply,
    FrameSignal,
    FrameView,
    HubHeartbeat,
    HubTick,
    HubWelcome,
    MsgType,
    ParticipantEvent,
    RosterQuery,
    RosterRequest,
    SignalsQuery,
    Subscribe,
)

logger = logging.getLogger(__name__)

_SEND_TIMEOUT_S = 5.0
# A v0.1 hub cannot tell that it sees our subscriptions; it gets this long, and the question again a few times.
_SETTLE_S = 0.1
_ROSTER_REPEAT_S = (0.4, 1.0, 2.0, 4.0)


class ProcessorEndpoint(Life):
    """Connects an agent to a hub; the hub may come, go and come back at any time.

    Order: per participant, joins and leaves alternate, and frames, sound and data of a session (from join to leave) are
    told after its join and before its leave, never in another session, also when somebody leaves and is back at once.
    Sound and data come in the order in which they were sent, frames of a track by ``seq``; frames are in no order with
    sound and data. Callbacks begin in the order in which things are told; a coroutine that waits holds up nobody, but
    when 4096 calls of one callback wait, what comes then is dropped for it (counted as ``callback behind``; joins and
    leaves never are).
    """

    def __init__(
        self,
        sub_addr: str | None = None,
        push_addr: str | None = None,
        *,
        auto_subscribe: bool = True,
        filter: Subscribe = Subscribe.ALL,
        name: str = "",
        keys: CurveKeys | None = None,
    ) -> None:
        """Connect (default: `hub_addresses`).

        Args:
            sub_addr: where the hub publishes.
            push_addr: where the hub takes messages in.
            auto_subscribe: listen to everyone who joins; else only to whom `subscribe` names.
            filter: what to listen to, unless `subscribe` says otherwise.
            name: what the hub's statistics call this agent (default: the program's name).
            keys: for a hub on another machine (default: `CurveKeys.from_environment` if ``sub_addr`` is tcp).

        Raises:
            KeyFileError: a key file is missing or holds no key.
        """
        super().__init__()
        pub_default, pull_default = hub_addresses()
        self._agent_id = secrets.token_hex(8)
        self._auto_subscribe = auto_subscribe
        self._filter = filter
        self._losses = LossCounter(logger)
        self._runner = CallbackRunner(self._losses)
        self._on_frame: CallbackList[FrameSignal] = CallbackList(self._runner)
        self._on_frame_data: CallbackList[FrameData] = CallbackList(self._runner)
        # A join without its leave would be worse than a late one.
        self._on_participant: CallbackList[ParticipantEvent] = CallbackList(self._runner, calls_max=None)
        self._on_control: CallbackList[ControlMessage] = CallbackList(self._runner)
        self._signals = SignalQueue(self._fire_signal)
        self._attendance = Attendance(self._on_event, self._signals.add)
        self._hub_epoch: str | None = None
        self._welcomed = asyncio.Event()
        addresses = (sub_addr or pub_default, push_addr or pull_default)
        keys = keys or CurveKeys.for_address(addresses[0])
        handlers = (self._on_published, self._on_video, self._on_answer)
        self._link = AgentLink(self._agent_id, addresses, keys, self._losses, handlers, self._signals.end_batch)
        everyone = filter if auto_subscribe else Subscribe.NONE
        self._interest = Interest(self._link.subscribe, self._link.unsubscribe, everyone)
        self._media = MediaIn(self._interest, self._attendance, self._runner, self._losses)
        self._frames = FrameFetcher(
            self._agent_id, self._link.control.send_now, self._link.sender.send_now, self._losses
        )
        self._loss_report = LossReport(self._agent_id, name or Path(sys.argv[0]).name, self._link.control)
        self._speaker = Speaker(self._agent_id, self._link, self._send)
        self._frames.maps_memory = not self._link.is_remote
        self._signals.ask_newest = self._ask_newest
        self._attendance.asked = lambda: self._link.video.markers.asked
        self._handlers = self._make_handlers()
        for topic in (topics.PARTICIPANT, topics.CONTROL, topics.HUB, topics.TICK, topics.inbox(self._agent_id)):
            self._link.subscribe(topic)

    # --- who is there ---

    @property
    def connected_participants(self) -> frozenset[str]:
        """Ids of everyone connected."""
        return self._attendance.roster.ids

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
        self._listen(participant_id, self._filter if filter is None else filter)

    def unsubscribe(self, participant_id: str) -> None:
        """Stop listening to a participant."""
        self._listen(participant_id, Subscribe.NONE)

    # --- callbacks ---

    def on_frame(self, callback: Callback[FrameSignal]) -> None:
        """Be told of each video frame."""
        self._on_frame.add(callback)

    def on_frame_data(self, callback: Callback[FrameData]) -> None:
        """Be given each frame that this agent fetched."""
        self._on_frame_data.add(callback)

    def on_audio(self, callback: Callback[AudioChunk]) -> None:
        """Hear participants."""
        self._media.on_audio.add(callback)

    def on_data(self, callback: Callback[DataMessage]) -> None:
        """Receive participants' data messages."""
        self._media.on_data.add(callback)

    def on_participant(self, callback: Callback[ParticipantEvent]) -> None:
        """Be told of joins and leaves, each once."""
        self._on_participant.add(callback)

    def on_control(self, callback: Callback[ControlMessage]) -> None:
        """Receive broadcasts of other programs."""
        self._on_control.add(callback)

    # --- frames ---

    @overload
    async def request_frame(
        self, signal: Track, timeout: float = ..., *, copy: Literal[True] = True
    ) -> FrameData | None: ...

    @overload
    async def request_frame(self, signal: Track, timeout: float = ..., *, copy: Literal[False]) -> FrameView | None: ...

    async def request_frame(
        self, signal: Track, timeout: float = 1.0, *, copy: bool = True
    ) -> FrameData | FrameView | None:
        """Return the newest frame of the signal's track, None when there is none or no answer in time.

        A `FrameData` is a private copy (one memcpy); without ``copy`` it is a `FrameView`, read in place: no copy at
        any size, safe for as long as it is held. (`on_frame_data` is given copies only.)
        """
        track = (signal.participant_id, signal.track_id)
        if not copy:
            return await self._frames.fetch_view(track, timeout)
        frame = await self._frames.fetch(track, timeout)
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
        return await self._speaker.speak(chunk)

    async def send_return_data(self, message: DataMessage) -> bool:
        """Send data to ``message.participant_id``."""
        return await self._send(MsgType.RETURN_DATA, message, "return data")

    async def flush_return_audio(self, participant_id: str) -> bool:
        """Stop speaking to a participant: what was sent and not yet heard is dropped."""
        return await self._speaker.stop(participant_id)

    async def set_status(self, status: str, participant_id: str | None = None) -> None:
        """Show a participant (or everyone) what the agent does: loading, idle, listening, processing, speaking."""
        payload = json.dumps({"status": status}).encode()
        targets = self._attendance.roster.ids if participant_id is None else (participant_id,)
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

    async def wait_connected(self) -> None:
        """Return once a hub is there and sees this agent's subscriptions (v0.1 hubs never say so). Needs `run`."""
        await self._welcomed.wait()
        await self.wait_subscribed()

    async def wait_subscribed(self) -> None:
        """Return once the hub sees every subscription made so far (v0.1 hubs never say so). Needs `run`."""
        await self._link.wait_subscribed()

    @contextlib.contextmanager
    def _serving(self) -> Iterator[None]:
        self._link.start()
        roster = asyncio.create_task(self._ask_roster_until_known())
        try:
            yield
        finally:
            roster.cancel()
            self._link.stop()

    def _free(self) -> None:
        self._runner.close()
        self._frames.close()
        self._link.close()

    # --- private ---

    def _make_handlers(self) -> dict[int, Callable[[Any], None]]:
        return {
            MsgType.FRAME_SIGNAL: self._signals.add,
            MsgType.AUDIO_CHUNK: self._media.take_audio,
            MsgType.CONTROL: self._take_control,
            MsgType.DATA_MESSAGE: self._media.take_data,
            MsgType.PARTICIPANT_EVENT: self._attendance.on_told,
            MsgType.FRAME_DATA: self._frames.on_broadcast,
            MsgType.HUB_WELCOME: self._on_welcome,
            MsgType.HUB_HEARTBEAT: self._on_heartbeat,
            MsgType.HUB_TICK: self._on_tick,
        }

    async def _send(self, msg_type: MsgType, message: Any, what: str) -> bool:
        return await self._link.sender.send(encode(msg_type, message), what, _SEND_TIMEOUT_S)

    def _listen(self, participant_id: str, flags: Subscribe) -> None:
        self._interest.listen(participant_id, flags)
        self._media.forget(participant_id)

    def _on_published(self, parts: list[bytes]) -> None:
        msg_type, message = decode_or_count(parts[-1], self._losses)
        handler = self._handlers.get(msg_type)
        if handler is not None:
            handler(message)

    def _on_video(self, parts: list[bytes]) -> None:
        msg_type, message = decode_or_count(parts[-1], self._losses)
        if msg_type == MsgType.FRAME_SIGNAL:
            # Until then they still come through the contract's socket as well.
            if self._attendance.has_video and self._attendance.admits(message):
                self._signals.add(message)
        elif msg_type == MsgType.PARTICIPANT_EVENT:
            self._attendance.on_video_told(message)
        elif (
            msg_type == MsgType.HUB_WELCOME
            and self._attendance.on_video_roster(message.roster, SubscriptionMarkers.number_of(parts[0]))
            and self._attendance.has_video
        ):
            self._losses.count("join or leave lost", "on the socket for frame signals")

    def _on_answer(self, parts: list[bytes]) -> None:
        msg_type, message = decode_or_count(parts[0], self._losses)
        if msg_type == MsgType.FRAME_REPLY:
            reply: FrameReply = message
            self._frames.on_reply(replace(reply, data=parts[1]) if len(parts) > 1 else reply)
        elif msg_type == MsgType.LOCK_SEEN:
            self._frames.holds.on_seen(message)
        elif msg_type == MsgType.NEWEST_SIGNALS:
            sessions = dict(message.sessions)
            decoded = (decode_or_count(part, self._losses) for part in parts[1:])
            signals = [signal for kind, signal in decoded if kind == MsgType.FRAME_SIGNAL]
            self._signals.on_newest([s for s in signals if self._attendance.admits(s, sessions.get(s.participant_id))])

    def _fire_signal(self, signal: FrameSignal) -> None:
        if signal.participant_id in self._interest.video:
            self._on_frame.fire(signal)

    def _ask_newest(self) -> bool:
        return self._link.control.send_now(encode(MsgType.SIGNALS_QUERY, SignalsQuery(self._agent_id)))

    def _on_event(self, event: ParticipantEvent) -> None:
        if not event.joined:
            self._signals.hand_on()
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
            self._media.loss.reset()
            self._loss_report.reset()
            self._attendance.restart()
            self._interest.stop_broadcast_pixels()
            self._runner.spawn(self._follow(welcome))
        self._attendance.replace(welcome.roster, time.time_ns() // 1000)

    async def _follow(self, welcome: HubWelcome) -> None:
        with self._signals.without_repeats():
            await self._link.follow(welcome)
            self._attendance.has_video = self._link.video.is_live
            self._frames.speaks_descriptors = self._link.control.is_open
            self._report()
            self._welcomed.set()
            # Its answer holds the roster as of when every subscription was live: no join falls in between.
            await self.wait_subscribed()

    def _on_heartbeat(self, heartbeat: HubHeartbeat) -> None:
        self._frames.sweep()
        if heartbeat.hub_epoch != self._hub_epoch:
            return
        self._frames.note_heartbeat()
        self._media.loss.announced(heartbeat.streams)
        # Joins and leaves come in order with heartbeats: a difference is a loss, not a delay.
        if self._attendance.is_behind(heartbeat.roster_digest):
            self._losses.count("join or leave lost", "asking the hub who is connected")
            self._link.sender.send_now(encode(MsgType.ROSTER_QUERY, RosterQuery(self._agent_id)))
        self._report()

    def _on_tick(self, tick: HubTick) -> None:
        if tick.hub_epoch != self._hub_epoch:
            return
        pulse = AgentPulse(self._agent_id, tick.tick_us, *self._interest.counts)
        self._link.control.send_now(encode(MsgType.AGENT_PULSE, pulse))
        # Once a second: right after a leave the sockets tell differently as a rule, and nothing is lost.
        if self._attendance.has_video and self._attendance.is_apart and not self._link.video.markers.is_waiting:
            # Its answer comes in order with what is still on its way.
            self._runner.spawn(self._link.video.markers.wait())

    def _take_control(self, message: ControlMessage) -> None:
        self._media.loss.received(topics.CONTROL)
        self._on_control.fire(message)

    def _report(self) -> None:
        self._loss_report.tell({**self._losses.counts, "frames missed": self._signals.missed})

    async def _ask_roster_until_known(self) -> None:
        for pause_s in (_SETTLE_S, *_ROSTER_REPEAT_S):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._welcomed.wait()
            if self._hub_epoch is not None or len(self._attendance.roster) or not self._auto_subscribe:
                return
            await self.request_roster()
