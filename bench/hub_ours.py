"""Our hub as the harness sees it: HubEndpoint with a local connector (or one in its own process), and an agent."""

from __future__ import annotations

import asyncio
import contextlib

import hub_adapters as harness

from xr_ai_agent import (
    AudioChunk,
    ConnectorEndpoint,
    DataMessage,
    FrameData,
    FrameSignal,
    FrameView,
    HubEndpoint,
    InvalidIdError,
    LocalConnector,
    MsgType,
    PixelFormat,
    ProcessorEndpoint,
    RingFullError,
    Subscribe,
    encode,
)

_KEEPS: set[asyncio.Task[None]] = set()


def _run(endpoint: HubEndpoint | ConnectorEndpoint | ProcessorEndpoint) -> None:
    task = asyncio.get_running_loop().create_task(endpoint.run())
    _KEEPS.add(task)
    task.add_done_callback(_KEEPS.discard)


class OurAdapter(harness.Adapter):
    """uvloop, as the programs of a stack use it."""

    name = "ours"
    _is_copied = False
    _hub: HubEndpoint | None = None

    def install_loop(self) -> None:
        with contextlib.suppress(ImportError):
            import uvloop

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    @property
    def pull(self) -> str:
        return f"ipc://{self.workdir}/in"

    @property
    def pub(self) -> str:
        return f"ipc://{self.workdir}/pub"

    async def start_hub(self) -> None:
        self._hub = HubEndpoint(self.pull, self.pub)
        _run(self._hub)

    async def stop_hub(self) -> None:
        if self._hub is not None:
            self._hub.close()

    async def connector(self) -> OurConnector:
        if self._hub is not None:
            return OurConnector(self._hub.connect_local("bench"), self._hub)
        slots, size = self.opts["slots"], self.opts["max_frame_bytes"]
        connector = ConnectorEndpoint(self.pull, self.pub, "bench", num_slots=slots, max_frame_bytes=size)
        _run(connector)
        return OurConnector(connector, None)

    async def processor(self) -> OurAgent:
        agent = ProcessorEndpoint(self.pub, self.pull, auto_subscribe=False)
        _run(agent)
        await agent.wait_connected()
        return OurAgent(agent, self._is_copied)

    def raw_inlet(self) -> str:
        return self.pull

    def encode_big(self, n: int) -> bytes:
        return encode(MsgType.DATA_MESSAGE, DataMessage("p0", "big", 0, b"D" * n))


class OurConnector(harness.ConnectorAdapter):
    def __init__(self, connector: ConnectorEndpoint | LocalConnector, hub: HubEndpoint | None) -> None:
        self._connector, self._hub = connector, hub

    async def announce(self) -> None:
        if isinstance(self._connector, ConnectorEndpoint):
            await self._connector.register()
            await self._connector.wait_connected()

    async def join(self, pid: str) -> None:
        # Ids that would leak are refused where they enter; the fault cells show that nothing else happens.
        with contextlib.suppress(InvalidIdError):
            await self._connector.notify_participant_joined(pid, harness.now_us())

    async def leave(self, pid: str) -> None:
        await self._connector.notify_participant_left(pid, harness.now_us())

    async def push_frame(self, pid: str, track: str, w: int, h: int, fmt: str, data: bytes, pts_us: int) -> None:
        try:
            await self._connector.push_frame(pid, track, PixelFormat[fmt], w, h, pts_us, data)
        except RingFullError as error:
            raise harness.RingFull from error

    async def push_audio(
        self, pid: str, track: str, pts_us: int, rate: int, channels: int, samples: int, data: bytes
    ) -> None:
        await self._connector.push_audio(AudioChunk(pts_us, rate, channels, samples, data, pid, track))

    def on_return_audio(self, cb: harness.OnReturnAudio) -> None:
        self._connector.on_return_audio(lambda c: cb(c.participant_id, c.pts_us, len(c.data)))

    def on_flush(self, cb: harness.OnFlush) -> None:
        self._connector.on_return_audio_flush(lambda flush: cb(flush.participant_id))

    def cancelled(self) -> int:
        counters = self._hub.stats().counters if self._hub else {}
        return counters.get("speech cancelled by a flush", 0)

    async def stop(self) -> None:
        self._connector.close()


class OurCopyingAdapter(OurAdapter):
    """As agents that want pixels of their own, which is what request_frame gives unless told otherwise."""

    name = "ours-copy"
    _is_copied = True


class OurAgent(harness.ProcessorAdapter):
    """Fetches with request_frame; pixels not copied are shared with the hub and stay what they are while held."""

    def __init__(self, agent: ProcessorEndpoint, is_copied: bool) -> None:
        self._agent, self._is_copied = agent, is_copied

    def subscribe(self, pid: str) -> None:
        self._agent.subscribe(pid, filter=Subscribe.AUDIO | Subscribe.VIDEO)

    def on_frame(self, cb: harness.OnFrame) -> None:
        def on_signal(signal: FrameSignal) -> None:
            cb(signal.participant_id, signal.track_id, signal.seq, signal.pts_us)

        self._agent.on_frame(on_signal)

    def on_audio(self, cb: harness.OnAudio) -> None:
        self._agent.on_audio(lambda c: cb(c.participant_id, c.track_id, c.pts_us, len(c.data)))

    async def request_frame(self, pid: str, track: str) -> harness.Fetched | None:
        wanted = _Track(pid, track)
        frame: FrameData | FrameView | None
        if self._is_copied:
            frame = await self._agent.request_frame(wanted)
        else:
            frame = await self._agent.request_frame(wanted, copy=False)
        return None if frame is None else (frame.seq, frame.pts_us, frame.data, lambda: True)

    async def send_return_audio(
        self, pid: str, pts_us: int, rate: int, channels: int, samples: int, data: bytes
    ) -> None:
        await self._agent.send_return_audio(AudioChunk(pts_us, rate, channels, samples, data, pid, "tts"))

    async def flush(self, pid: str) -> None:
        await self._agent.flush_return_audio(pid)

    async def stop(self) -> None:
        self._agent.close()


class _Track:
    def __init__(self, participant_id: str, track_id: str) -> None:
        self.participant_id, self.track_id = participant_id, track_id
