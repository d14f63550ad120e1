"""The hub's sockets and its life: bind, run, stop, close."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from xr_ai_agent._callbacks import Callback
from xr_ai_agent._hub.core import HubCore
from xr_ai_agent._hub.frame_store import SlotView
from xr_ai_agent._hub.local_connector import LocalConnector
from xr_ai_agent._hub.pulses import TICK_PERIOD_S, Pulse
from xr_ai_agent._hub.sockets import HubSockets
from xr_ai_agent._life import Life
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import RemoteAccess
from xr_ai_agent._wire.addresses import HubAddresses, hub_addresses
from xr_ai_agent._wire.messages import AgentReport, AudioChunk, ControlMessage, DataMessage, ParticipantEvent

logger = logging.getLogger(__name__)

DEFAULT_DATA_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class AgentStats:
    """What one agent did not get, and how far behind it is."""

    agent_id: str
    name: str
    """What it calls itself (by default, its program's name)."""
    lost: Mapping[str, int]
    """By kind, as the agent itself counted it: messages lost, frames skipped, callbacks failed."""
    undelivered: int
    """Answers for which its queue had no room."""
    pulse: Pulse | None = None
    """How far behind it is, and to how many it listens; None until it first says so."""


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
    agents: tuple[AgentStats, ...] = ()


class HubEndpoint(Life):
    """Serves connectors and agents. Callbacks are hub-local observers; publishing never waits for them."""

    def __init__(
        self,
        pull_addr: str | None = None,
        pub_addr: str | None = None,
        *,
        data_max_bytes: int = DEFAULT_DATA_MAX_BYTES,
        remote: RemoteAccess | None = None,
    ) -> None:
        """Bind both addresses (default: `hub_addresses`), and those of ``remote`` for agents on other machines.

        Raises:
            AddressInUseError: another hub serves one of them.
            InsecureAddressError: ``pull_addr`` or ``pub_addr`` could be reached from other machines.
            KeyFileError: the keys of ``remote`` are missing or broken.
        """
        super().__init__()
        pub_default, pull_default = hub_addresses()
        losses = LossCounter(logger)
        self._sockets = HubSockets(pull_addr or pull_default, pub_addr or pub_default, remote, losses)
        self._core = HubCore(self._sockets, data_max_bytes, losses)
        self._sockets.connect(
            self._core.receive, self._core.receive_control, self._core.inbox_changed, self._core.video_marker_seen
        )

    @property
    def remote_addresses(self) -> HubAddresses | None:
        """Where agents on other machines connect; None without ``remote``."""
        addresses = self._sockets.addresses
        return HubAddresses(addresses["pub"][1], addresses["pull"][1]) if len(addresses["pub"]) > 1 else None

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
            published=self._sockets.pub.published + self._sockets.video.published,
            counters=core.losses.counts,
            agents=tuple(self._agent_stats(report) for report in core.requests.reports.values()),
        )

    def _agent_stats(self, report: AgentReport) -> AgentStats:
        agent_id = report.agent_id
        undelivered = self._sockets.control.undelivered[agent_id]
        pulse = self._core.requests.pulses.of(agent_id)
        return AgentStats(agent_id, report.name, dict(report.lost), undelivered, pulse)

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

    @contextlib.contextmanager
    def _serving(self) -> Iterator[None]:
        self._sockets.start()
        heartbeat = _Every(TICK_PERIOD_S, self._core.heartbeat)
        try:
            yield
        finally:
            heartbeat.cancel()
            self._sockets.stop()

    def _free(self) -> None:
        self._sockets.stop()
        self._core.close()
        self._sockets.close()


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
