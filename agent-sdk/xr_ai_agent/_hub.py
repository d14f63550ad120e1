"""The hub's sockets and its life: bind, run, stop, close."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from xr_ai_agent import _topics as topics
from xr_ai_agent._addresses import hub_addresses
from xr_ai_agent._bind import AddressLock, bind
from xr_ai_agent._callbacks import Callback
from xr_ai_agent._frame_store import SlotView
from xr_ai_agent._hub_core import HubCore
from xr_ai_agent._local_connector import LocalConnector
from xr_ai_agent._messages import AudioChunk, ControlMessage, DataMessage, ParticipantEvent
from xr_ai_agent._sockets import SocketReader, open_socket

logger = logging.getLogger(__name__)

# Small on purpose: a sender waits in its own process, so that a flush has little ahead of it.
_PULL_HWM_MESSAGES = 128
# Per subscriber: 100 s of one audio stream. A subscriber this far behind loses the rest.
_PUB_HWM_MESSAGES = 10_000
# Any single message; a peer that sends more is cut off by ZeroMQ before the memory is taken.
_MESSAGE_MAX_BYTES = 64 * 2**20
DEFAULT_DATA_MAX_BYTES = 16 * 2**20
_HEARTBEAT_PERIOD_S = 1.0


@dataclass(frozen=True, slots=True)
class HubStats:
    """A moment of the hub. ``counters`` holds what was dropped or failed, by kind, since the start."""

    participants: frozenset[str]
    peers: int
    """Agents and external connectors of this SDK (v0.1 agents cannot be counted)."""
    video_tracks: int
    ring_bytes: int
    published: int
    counters: dict[str, int]


class HubEndpoint:
    """Serves connectors and agents. Callbacks are hub-local observers; publishing never waits for them."""

    def __init__(
        self,
        pull_addr: str | None = None,
        pub_addr: str | None = None,
        *,
        data_max_bytes: int = DEFAULT_DATA_MAX_BYTES,
    ) -> None:
        """Bind both addresses (default: `hub_addresses`).

        Raises:
            AddressInUseError: another hub serves one of them.
        """
        pub_default, pull_default = hub_addresses()
        self._pull = open_socket(zmq.PULL)
        self._pull.rcvhwm = _PULL_HWM_MESSAGES
        self._pull.maxmsgsize = _MESSAGE_MAX_BYTES
        # XPUB is PUB that also tells who subscribed: that is how the hub knows that an agent is there, and gone.
        self._pub = open_socket(zmq.XPUB)
        self._pub.sndhwm = _PUB_HWM_MESSAGES
        self._pub.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._locks: list[AddressLock] = []
        try:
            self._locks.append(bind(self._pull, pull_addr or pull_default))
            self._locks.append(bind(self._pub, pub_addr or pub_default))
        except BaseException:
            self._close_sockets()
            raise
        self._published = 0
        self._core = HubCore(self._publish, data_max_bytes)
        self._pull_reader = SocketReader(self._pull, self._on_pushed, self._core.losses)
        self._subscription_reader = SocketReader(self._pub, self._on_subscription, self._core.losses)
        self._stopped = asyncio.Event()
        self._is_closed = False

    @property
    def connected_participants(self) -> frozenset[str]:
        """Ids of everyone connected."""
        return self._core.roster.ids

    def stats(self) -> HubStats:
        """Return counts for a stats line or a metrics page."""
        core = self._core
        return HubStats(
            participants=core.roster.ids,
            peers=len(core.inboxes),
            video_tracks=core.frames.track_count,
            ring_bytes=core.frames.size_bytes,
            published=self._published,
            counters=core.losses.counts,
        )

    def connect_local(self, connector_id: str) -> LocalConnector:
        """Return a connector for a transport in this process. Raises InvalidIdError when the id is taken."""
        return LocalConnector(self._core, connector_id)

    def on_frame(self, callback: Callback[SlotView]) -> None:
        """Observe every frame; its pixels are valid until the callback ends."""
        self._core.on_frame.add(callback)

    def on_audio(self, callback: Callback[AudioChunk]) -> None:
        """Observe participants' sound."""
        self._core.on_audio.add(callback)

    def on_data(self, callback: Callback[DataMessage]) -> None:
        """Observe participants' data messages."""
        self._core.on_data.add(callback)

    def on_participant(self, callback: Callback[ParticipantEvent]) -> None:
        """Observe joins and leaves."""
        self._core.on_participant.add(callback)

    def on_control(self, callback: Callback[ControlMessage]) -> None:
        """Observe control broadcasts."""
        self._core.on_control.add(callback)

    async def send_control(self, topic: str, payload: dict[str, object]) -> None:
        """Broadcast a control message to every program."""
        self._core.send_control(ControlMessage(topic, payload))

    async def run(self) -> None:
        """Serve until `stop`; peers may already have sent messages, which wait in the sockets."""
        if self._is_closed:
            return
        self._pull_reader.start()
        self._subscription_reader.start()
        heartbeat = _Every(_HEARTBEAT_PERIOD_S, self._core.heartbeat)
        try:
            await self._stopped.wait()
        finally:
            heartbeat.cancel()
            self._pull_reader.stop()
            self._subscription_reader.stop()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    def close(self) -> None:
        """Free sockets, memory and addresses; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self.stop()
        self._pull_reader.stop()
        self._subscription_reader.stop()
        self._core.close()
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._pull.close()
        self._pub.close()
        for lock in self._locks:
            lock.release()

    def _publish(self, topic: bytes, frame: bytes) -> None:
        if self._is_closed:
            return
        self._published += 1
        # Never blocks: for a subscriber whose queue is full ZeroMQ drops the message.
        self._pub.send_multipart((topic, frame), zmq.NOBLOCK)
        # Sending may swallow the edge that announces a subscription.
        self._subscription_reader.check()

    def _on_pushed(self, parts: list[bytes]) -> None:
        self._core.receive(parts[0] if len(parts) == 1 else b"")

    def _on_subscription(self, parts: list[bytes]) -> None:
        is_open, topic = parts[0][:1] == b"\x01", parts[0][1:]
        inbox = topics.parse_inbox(topic)
        if inbox is not None:
            self._core.inbox_changed(*inbox, is_open=is_open)


class _Every:
    """Calls a function periodically on the running loop."""

    def __init__(self, period_s: float, function: Callable[[], None]) -> None:
        self._period_s = period_s
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(period_s, self._tick)

    def cancel(self) -> None:
        self._handle.cancel()

    def _tick(self) -> None:
        self._handle = self._loop.call_later(self._period_s, self._tick)
        self._function()
