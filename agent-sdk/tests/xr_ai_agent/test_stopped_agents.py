"""Agents that stop in their tracks: what waits for them is bounded, what they miss is counted, and both are seen."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import zmq

from xr_ai_agent import AudioChunk, ControlMessage, DataMessage, HubEndpoint, MsgType, PixelFormat, encode
from xr_ai_agent._hub.pulses import Pulses
from xr_ai_agent._net.backlog import Backlog
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.messages import AgentPulse, AgentReport, FrameAsk, FrameRequest, HubTick

pytestmark = pytest.mark.anyio

# Says what it got when it is asked.
LISTENER = """
import asyncio, collections, json, sys
from xr_ai_agent import ProcessorEndpoint

async def main():
    agent = ProcessorEndpoint(sys.argv[1], sys.argv[2], name="listener")
    got = collections.Counter()
    agent.on_audio(lambda chunk: got.update(["audio"]))
    agent.on_data(lambda message: got.update([message.topic]))
    agent.on_control(lambda message: got.update(["control"]))
    running = asyncio.create_task(agent.run())
    await agent.wait_connected()
    print(json.dumps({}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"got": got, "lost": agent.losses}), flush=True)

asyncio.run(main())
"""
CHUNK = AudioChunk(1, 48_000, 1, 1, bytes(4), "alice", "mic")


class Listener:
    """An agent in a process of its own, which the system may stop."""

    def __init__(self, stage: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LISTENER, stage.pub, stage.pull],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def ask(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return await self.line()

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            return json.loads(await asyncio.to_thread(self._process.stdout.readline))

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
async def listener(stage, connector):
    listener = Listener(stage)
    try:
        assert await listener.line() == {}
        yield listener
    finally:
        listener.close()


def pulse_of(hub: HubEndpoint, name: str) -> Any:
    return next((agent.pulse for agent in hub.stats().agents if agent.name == name), None)


async def comes_to_an_announcement(hub: HubEndpoint, name: str, eventually) -> None:
    """Wait until an agent has come to what the hub announces from now on."""
    pulses = hub._core.requests.pulses
    since = pulses._last_us

    def has_come() -> bool:
        found = [pulses._heard.get(agent.agent_id) for agent in hub.stats().agents if agent.name == name]
        return any(each is not None and each[1].tick_us > since for each in found)

    await eventually(has_come)


# --- what is lost is counted ---


async def test_sound_and_broadcasts_that_found_no_room_are_counted_to_the_last_one(
    hub, connector, listener, eventually
):
    """Its queue runs over in earnest: 10 000 messages, and what the system's buffers hold."""
    sent = {"audio": 15_001, "control": 5_001}
    await connector.push_audio(CHUNK)
    await hub.send_control("t", {})
    await comes_to_an_announcement(hub, "listener", eventually)
    listener.send(signal.SIGSTOP)
    for _ in range(15_000):
        await connector.push_audio(CHUNK)
    for _ in range(5_000):
        await hub.send_control("t", {})
    listener.send(signal.SIGCONT)

    def lost() -> dict[str, int]:
        return dict(next(agent.lost for agent in hub.stats().agents))

    await eventually(lambda: {"audio lost", "control lost"} <= lost().keys(), within_s=60)
    told = await listener.ask()
    for kind, count in sent.items():
        assert told["got"][kind] + told["lost"][f"{kind} lost"] == count
    assert lost() | {"frames missed": 0} == told["lost"] | {"frames missed": 0}


async def test_what_was_lost_right_before_a_leave_is_counted(stage, hub, connector, eventually):
    agent = await stage.agent()
    await connector.push_data(DataMessage("alice", "t", 1, b""))
    await eventually(lambda: agent._media.loss._streams.get(b"data.alice.") is not None)
    await eventually(lambda: agent._media.loss._streams[b"data.alice."].announced == 1)
    publish = hub._core._publish
    hub._core._publish = lambda topic, frame: None
    for _ in range(3):
        await connector.push_data(DataMessage("alice", "t", 1, b""))
    hub._core._publish = publish
    await connector.notify_participant_left("alice", 2)
    await eventually(lambda: not agent.connected_participants)
    assert agent.losses == {"data lost": 3}


async def test_who_comes_back_is_counted_anew(stage, hub, connector, eventually):
    agent = await stage.agent(auto_subscribe=False)
    agent.subscribe("alice")
    await agent.wait_subscribed()
    for session in range(1, 4):
        for _ in range(session):
            await connector.push_data(DataMessage("alice", "t", 1, b""))
        hub._core.heartbeat()
        await connector.notify_participant_left("alice", 2)
        await connector.notify_participant_joined("alice", 3)
    await agent.wait_subscribed()
    assert agent.losses == {}


# --- an agent that stands still is seen ---


async def test_an_agent_that_stands_still_is_seen_to(stage, hub, connector, listener, eventually):
    await stage.agent(name="quick")
    await eventually(lambda: pulse_of(hub, "listener") and pulse_of(hub, "quick"))
    well = await eventually(lambda: (pulse := pulse_of(hub, "listener")).lag_s < 2 and pulse)
    assert (well.video, well.audio, well.data) == (1, 1, 1)
    listener.send(signal.SIGSTOP)

    def stands_still_alone() -> bool:
        stopped, quick = (pulse_of(hub, name) for name in ("listener", "quick"))
        return min(stopped.lag_s, stopped.heard_s_ago) > 3 and quick.lag_s < 2 and quick.heard_s_ago < 3

    await eventually(stands_still_alone)
    listener.send(signal.SIGCONT)
    await eventually(lambda: pulse_of(hub, "listener").lag_s < 2 and pulse_of(hub, "listener").heard_s_ago < 2)
    listener.close()
    await eventually(lambda: pulse_of(hub, "listener") is None)
    assert len(hub._core.requests.pulses._heard) == 1


def test_lag_is_measured_by_the_hub_s_clock_alone():
    now = [100.0]
    pulses = Pulses(lambda: now[0])
    assert pulses.of("a") is None
    assert not pulses.take(AgentPulse("a", 100_000_000, 0, 0, 0)), "before any tick"
    tick = pulses.tick()
    now[0] = 100.25
    assert pulses.take(AgentPulse("a", tick, 1, 2, 3))
    now[0] = 100.75
    found = pulses.of("a")
    assert (found.lag_s, found.heard_s_ago, found.video, found.audio, found.data) == (0.25, 0.5, 1, 2, 3)
    now[0] = 101.0
    assert pulses.tick() > tick
    now[0] = 104.0
    assert pulses.of("a").lag_s == 3.0, "the second tick is not answered"
    for wrong in (tick - 1, pulses._last_us + 1):
        assert not pulses.take(AgentPulse("a", wrong, 9, 9, 9))
    pulses.drop_agent("a")
    assert pulses.of("a") is None


async def test_the_tick_of_another_hub_is_not_answered(stage, hub):
    agent = await stage.agent(name="quick")
    sent = []
    agent._link.control.send_now = lambda frame: not sent.append(frame)
    agent._on_tick(HubTick("another", 5))
    assert sent == []


# --- what waits is bounded in bytes ---


async def test_large_messages_wait_for_one_who_stopped_up_to_a_limit(stage, hub, connector, listener, eventually):
    limit = 8 * 2**20
    backlog = hub._sockets.pub._backlog
    backlog._max_bytes = limit
    quick, got = await stage.agent(name="quick"), []
    quick.on_data(lambda message: got.append(message.topic))
    await connector.push_data(DataMessage("alice", "large", 1, bytes(2**20)))
    await eventually(lambda: got == ["large"])
    for name in ("quick", "listener"):
        await comes_to_an_announcement(hub, name, eventually)
    listener.send(signal.SIGSTOP)
    for _ in range(40):
        await connector.push_data(DataMessage("alice", "large", 1, bytes(2**20)))
        assert backlog._bytes <= limit
        await asyncio.sleep(0)
    for _ in range(100):
        await connector.push_data(DataMessage("alice", "small", 1, bytes(100)))
    await eventually(lambda: got.count("small") == 100)
    dropped = hub.stats().counters["large message dropped"]
    assert 25 <= dropped <= 33
    assert got.count("large") == 41 - dropped
    listener.send(signal.SIGCONT)
    await eventually(lambda: backlog.has_room(limit), "it has fetched what waited")
    await connector.push_data(DataMessage("alice", "large", 1, bytes(2**20)))
    await eventually(lambda: got.count("large") == 42 - dropped)
    await eventually(lambda: all(agent.lost.get("data lost") == dropped for agent in hub.stats().agents))


async def test_pixels_wait_for_one_who_does_not_read_them_up_to_a_limit(stage, hub, connector, eventually):
    hub._sockets.control._backlogs.default_factory = lambda: Backlog(8 * 2**20)
    agent_id, side = "0123456789abcdef", 1024
    await connector.push_frame("alice", "v", PixelFormat.RGBA, side, side, 1, bytes(4 * side * side))
    context = zmq.Context.instance()
    sub, dealer = context.socket(zmq.SUB), context.socket(zmq.DEALER)
    try:
        sub.subscribe(topics.inbox(agent_id))
        sub.connect(stage.pub)
        dealer.rcvhwm = 1
        dealer.setsockopt(zmq.IDENTITY, agent_id.encode())
        dealer.connect(hub._sockets.control_addresses[0])
        await eventually(lambda: hub.stats().peers == 1)
        for number in range(50):
            dealer.send(encode(MsgType.FRAME_ASK, FrameAsk(agent_id, number, "alice", "v", 0, True)))
        await eventually(lambda: hub._sockets.control.undelivered[agent_id] > 30)
        assert hub._sockets.control._backlogs[agent_id]._bytes <= 8 * 2**20
        quick = await stage.agent()
        quick._frames.maps_memory = False
        assert (await quick.request_frame(FrameRequest("alice", "v"), timeout=30)).width == side
    finally:
        for each in (sub, dealer):
            each.close(linger=0)
    await eventually(lambda: not hub._sockets.control.undelivered and agent_id not in hub._sockets.control._backlogs)


async def test_a_broadcast_or_chunk_that_is_too_large_is_refused_and_counted(stage, hub, connector, eventually):
    agent, got = await stage.agent(), []
    agent.on_control(got.append)
    agent.on_audio(got.append)
    connector.on_return_audio(got.append)
    largest = 16 * 2**20
    for size in (largest + 4, largest):
        chunk = AudioChunk(1, 48_000, 1, size // 4, bytes(size), "alice", "mic")
        await connector.push_audio(chunk)
        assert await agent.send_return_audio(chunk)
    for size in (2**20, 1000):
        assert await agent.send_control("t", {"bytes": bytes(size)})
    await eventually(lambda: len(got) == 3)
    assert sum(type(each) is ControlMessage for each in got) == 1
    assert hub.stats().counters == {"oversized audio dropped": 2, "oversized control dropped": 1}


async def test_what_nobody_listens_to_is_neither_counted_as_published_nor_copied(hub, connector, monkeypatch):
    side = 8
    await connector.push_frame("alice", "v", PixelFormat.RGBA, side, side, 1, bytes(4 * side * side))
    await connector.push_audio(CHUNK)
    monkeypatch.setattr(hub._core.frames, "newest", lambda _: pytest.fail("copied for nobody"))
    hub._core.receive(encode(MsgType.FRAME_REQUEST, FrameRequest("alice", "v")))
    assert hub.stats().published == 0


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("x" * 257, {}),
        ("line\nbreak", {}),
        ("fine", {"k" * 101: 1}),
        ("fine", {"line\nbreak": 1}),
        ("fine", {"negative": -1}),
        ("fine", {f"kind {number}": 1 for number in range(65)}),
    ],
    ids=["long name", "name of two lines", "long kind", "kind of two lines", "negative", "many kinds"],
)
async def test_a_report_that_nobody_could_read_is_refused(stage, hub, eventually, name, lost):
    agent = await stage.agent(name="honest")
    await eventually(lambda: hub.stats().agents)
    report = AgentReport(agent._agent_id, name, lost)
    assert agent._link.control.send_now(encode(MsgType.AGENT_REPORT, report))
    await eventually(lambda: hub.stats().counters == {"agent report refused": 1})
    assert [each.name for each in hub.stats().agents] == ["honest"]


async def test_128_participants_are_heard_and_seen_each(stage, hub, eventually):
    connector = hub.connect_local("lk2")
    agent, heard, shown = await stage.agent(), Counter[str](), {}
    agent.on_audio(lambda chunk: heard.update([chunk.participant_id]))
    agent.on_data(lambda message: heard.update([message.participant_id]))
    agent.on_frame(lambda signal: shown.update({signal.participant_id: signal.seq}))
    names = [f"p{number}" for number in range(128)]
    for name in names:
        await connector.notify_participant_joined(name, 1)
    await eventually(lambda: agent.connected_participants == set(names))
    for turn in range(5):
        for name in names:
            await connector.push_audio(AudioChunk(1, 48_000, 1, 1, bytes(4), name, "mic"))
            await connector.push_data(DataMessage(name, "t", 1, b""))
            await connector.push_frame(name, "v", PixelFormat.I420, 4, 4, 1, bytes([turn]) * 24)
        await asyncio.sleep(0)
    # Of frames the newest: a busy machine may skip others.
    await eventually(lambda: heard == dict.fromkeys(names, 10) and shown == dict.fromkeys(names, 5))
    frames = [await agent.request_frame(FrameRequest(name, "v")) for name in names]
    assert all(frame.data == bytes([4]) * 24 for frame in frames)
    assert (hub.stats().video_tracks, hub.stats().counters, agent.losses) == (128, {}, {})
    for name in names:
        await connector.notify_participant_left(name, 2)
    await eventually(lambda: not agent.connected_participants)
    assert (hub.stats().video_tracks, hub.stats().ring_bytes) == (0, 0)
