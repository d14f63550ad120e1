"""The agent's endpoint: subscriptions, frames, status, broken callbacks, falling behind, v0.1 hubs."""

import asyncio
import json
import math

import msgpack
import pytest
import zmq

from xr_ai_agent import (
    AGENT_STATUS_TOPIC,
    AudioChunk,
    DataMessage,
    FrameRequest,
    FrameSignal,
    ParticipantEvent,
    PixelFormat,
    ProcessorEndpoint,
    Subscribe,
    encode,
)
from xr_ai_agent._agent.signal_queue import SignalQueue
from xr_ai_agent._wire.messages import HubHeartbeat

pytestmark = pytest.mark.anyio

FRAME = bytes(range(24))


def _push(connector, data: bytes = FRAME, track: str = "v"):
    return connector.push_frame("alice", track, PixelFormat.I420, 4, 4, 1, data)


@pytest.fixture
async def connector(stage):
    stage.the_hub = stage.hub()
    connector = stage.the_hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    return connector


async def test_the_newest_frame_is_fetched_as_a_private_copy(stage, connector):
    agent = await stage.agent()
    fetched = []
    agent.on_frame_data(fetched.append)
    await _push(connector)
    await _push(connector, bytes(24))
    frame = await agent.request_frame(FrameSignal(0, 1, 1, 4, 4, PixelFormat.I420, 24, "alice", "v"))
    assert (frame.seq, frame.width, frame.fmt, frame.data, frame.track_id) == (2, 4, PixelFormat.I420, bytes(24), "v")
    for _ in range(8):
        await _push(connector)
    assert frame.data == bytes(24)
    assert fetched == [frame]


async def test_a_known_track_is_read_without_asking_the_hub(stage, connector, eventually):
    agent = await stage.agent()
    await _push(connector)
    assert (await agent.request_frame(FrameRequest("alice", "v"))).seq == 1
    await eventually(lambda: agent._frames._hub_seen_at > 0, "a heartbeat")
    asked = []
    agent._frames._send = asked.append
    await _push(connector, bytes(24))
    frame = await agent.request_frame(FrameRequest("alice", "v"), timeout=0.01)
    assert (frame.seq, frame.width, frame.fmt, frame.data) == (2, 4, PixelFormat.I420, bytes(24))
    assert not asked
    await connector.end_track("alice", "v")
    assert await agent.request_frame(FrameRequest("alice", "v"), timeout=0.01) is None
    assert len(asked) == 1


async def test_the_heartbeat_of_another_hub_does_not_keep_old_frames_alive(stage, connector, eventually):
    agent = await stage.agent()
    await eventually(lambda: agent._frames._hub_seen_at > 0, "a heartbeat")
    agent._frames._hub_seen_at = -math.inf
    agent._on_heartbeat(HubHeartbeat(agent._hub_epoch + "x", 0))
    assert agent._frames._hub_seen_at == -math.inf


async def test_a_hub_that_is_silent_shows_no_old_frames(stage, connector, eventually):
    agent = await stage.agent()
    await _push(connector)
    await agent.request_frame(FrameRequest("alice", "v"))
    await eventually(lambda: agent._frames._hub_seen_at > 0, "a heartbeat")
    agent._frames._send = lambda _: True
    agent._frames._hub_seen_at -= 10
    assert await agent.request_frame(FrameRequest("alice", "v"), timeout=0.01) is None


async def test_no_frame_is_answered_at_once_rather_than_waited_out(stage, connector):
    agent = await stage.agent()
    async with asyncio.timeout(30):
        assert await agent.request_frame(FrameRequest("alice", "v"), timeout=60) is None
        assert await agent.request_frame(FrameRequest("nobody", "v"), timeout=60) is None
        async with agent.borrow_frame(FrameRequest("alice", "v"), timeout=60) as frame:
            assert frame is None


async def test_without_a_hub_a_request_ends_with_its_timeout(stage):
    agent = stage.start(ProcessorEndpoint(stage.pub, stage.pull))
    assert await agent.request_frame(FrameRequest("alice", "v"), timeout=0.05) is None
    async with agent.borrow_frame(FrameRequest("alice", "v"), timeout=0.05) as frame:
        assert frame is None


async def test_requests_at_the_same_time_share_one_and_all_are_answered(stage, connector):
    agent = await stage.agent()
    await _push(connector)
    frames = await asyncio.gather(*(agent.request_frame(FrameRequest("alice", "v")) for _ in range(20)))
    assert all(frame is frames[0] for frame in frames)


async def test_a_borrowed_frame_stays_intact_under_a_fast_camera_and_is_given_back(stage, connector, eventually):
    agent = await stage.agent()
    await _push(connector)
    async with agent.borrow_frame(FrameRequest("alice", "v"), lease=30) as frame:
        for value in range(50):
            await _push(connector, bytes([value]) * 24)
        assert bytes(frame.data) == FRAME
        assert frame.is_intact
        with pytest.raises(TypeError):
            frame.data[0] = 1
    store = stage_store(connector)
    await eventually(lambda: not any(store._leases.values()))


def stage_store(connector):
    return connector._core.frames


async def test_a_lease_that_ran_out_under_the_reader_is_told(stage, connector):
    agent = await stage.agent()
    await _push(connector)
    async with agent.borrow_frame(FrameRequest("alice", "v"), lease=0.001) as frame:
        await asyncio.sleep(0.01)
        for value in range(8):
            await _push(connector, bytes([value]) * 24)
        assert not frame.is_intact


async def test_a_new_resolution_and_the_end_of_a_track_free_the_old_memory(stage, connector, eventually):
    agent = await stage.agent()
    folder = None
    for side in (64, 512, 64):
        data = bytes(PixelFormat.I420.frame_bytes(side, side))
        await connector.push_frame("alice", "v", PixelFormat.I420, side, side, 1, data)
        frame = await agent.request_frame(FrameRequest("alice", "v"))
        assert (frame.width, len(frame.data)) == (side, len(data))
        folder = stage_store(connector)._folder.path
        assert len(list(folder.glob("ring-*"))) == 1
    await connector.end_track("alice", "v")
    assert list(folder.glob("ring-*")) == []
    assert await agent.request_frame(FrameRequest("alice", "v")) is None
    await eventually(lambda: not agent._frames._maps._maps, "the agent unmaps what the hub closed")


async def test_an_agent_that_cannot_map_memory_gets_the_pixels_addressed_to_it_alone(stage, connector, monkeypatch):
    near, far = await stage.agent(), await stage.agent()

    def refuse(reply):
        raise FileNotFoundError(2, "not on this machine", reply.ring_path)

    monkeypatch.setattr(far._frames._maps, "of", refuse)
    overheard = []
    near.on_frame_data(overheard.append)
    await _push(connector)
    frame = await far.request_frame(FrameRequest("alice", "v"))
    assert frame.data == FRAME
    async with far.borrow_frame(FrameRequest("alice", "v")) as borrowed:
        assert bytes(borrowed.data) == FRAME
        assert borrowed.is_intact
    assert await near.request_frame(FrameRequest("alice", "v")) == frame
    assert overheard == [frame]


async def test_subscriptions_follow_filters_and_changes(stage, connector, eventually):
    agent = await stage.agent(auto_subscribe=False)
    heard, events = [], []
    for register in (agent.on_data, agent.on_audio, agent.on_frame):
        register(lambda m: heard.append(type(m).__name__))
    agent.on_participant(events.append)

    async def heard_after(filter: Subscribe | None) -> set[str]:
        if filter is None:
            agent.unsubscribe("alice")
        else:
            agent.subscribe("alice", filter=filter)
        await agent.wait_subscribed()
        heard.clear()
        await connector.push_data(DataMessage("alice", "t", 1, b""))
        await connector.push_audio(AudioChunk(1, 8000, 1, 1, b"\0" * 4, "alice", "m"))
        await _push(connector)
        # Comes behind what was pushed: then everything that is to be heard was.
        await agent.wait_subscribed()
        return set(heard)

    assert await heard_after(Subscribe.DATA) == {"DataMessage"}
    assert await heard_after(Subscribe.AUDIO) == {"AudioChunk"}
    assert await heard_after(Subscribe.VIDEO | Subscribe.DATA) == {"FrameSignal", "DataMessage"}
    assert await heard_after(Subscribe.ALL) == {"FrameSignal", "DataMessage", "AudioChunk"}
    assert agent.subscribed_participants == {"alice"}
    assert await heard_after(None) == set()
    assert agent.subscribed_participants == frozenset()
    agent.unsubscribe("alice")
    assert events == []
    assert agent.connected_participants == {"alice"}


async def test_a_callback_that_fails_is_counted_and_hurts_nobody(stage, connector, eventually, caplog):
    agent = await stage.agent()
    heard = []

    async def fails(message):
        raise RuntimeError("a bug of the agent")

    def fails_at_once(message):
        raise ValueError("another bug")

    agent.on_data(fails)
    agent.on_data(fails_at_once)
    agent.on_data(heard.append)
    for number in range(30):
        await connector.push_data(DataMessage("alice", "t", number, b""))
    await eventually(lambda: len(heard) == 30 and agent.losses.get("callback failed") == 60)
    # Said once with its traceback, not sixty times.
    records = [r for r in caplog.records if "callback failed" in r.message]
    assert len(records) == 1
    assert records[0].exc_info


async def test_callbacks_start_in_order_and_a_waiting_one_holds_up_nobody(stage, connector, eventually):
    agent = await stage.agent()
    gate, started, done = asyncio.Event(), [], []

    async def slow(message):
        started.append(message.pts_us)
        await gate.wait()
        done.append(message.pts_us)

    agent.on_data(slow)
    for number in range(50):
        await connector.push_data(DataMessage("alice", "t", number, b""))
    await eventually(lambda: len(started) == 50)
    assert started == list(range(50))
    assert done == []
    gate.set()
    await eventually(lambda: len(done) == 50)


async def test_a_status_reaches_one_participant_or_all(stage, connector, eventually):
    got = []
    connector.on_return_data(got.append)
    await connector.notify_participant_joined("bob", 1)
    agent = await stage.agent()
    await agent.set_status("processing", "bob")
    await eventually(lambda: got)
    assert (got[0].participant_id, got[0].topic) == ("bob", AGENT_STATUS_TOPIC)
    assert json.loads(got[0].data) == {"status": "processing"}
    await agent.set_status("idle")
    await eventually(lambda: len(got) == 3)
    assert {m.participant_id for m in got[1:]} == {"alice", "bob"}


async def test_a_message_to_an_absent_hub_is_given_up_and_counted(stage, monkeypatch):
    monkeypatch.setattr("xr_ai_agent._agent.endpoint._SEND_TIMEOUT_S", 0.05)
    agent = stage.start(ProcessorEndpoint(stage.pub, stage.pull))
    results = [await agent.send_return_data(DataMessage("alice", "t", n, b"")) for n in range(140)]
    assert results[:100] == [True] * 100
    assert results[-1] is False
    assert agent.losses["return data lost"] == results.count(False)


async def test_an_agent_started_before_its_hub_finds_it(stage, eventually):
    agent = stage.start(ProcessorEndpoint(stage.pub, stage.pull))
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    await eventually(lambda: agent.connected_participants == {"alice"})


async def test_a_lost_join_is_noticed_by_the_next_heartbeat(stage, connector, eventually):
    agent = await stage.agent()
    agent._attendance.roster.apply(ParticipantEvent("alice", False, 1))
    assert not agent.connected_participants
    await eventually(lambda: agent.connected_participants == {"alice"})
    assert agent.losses["join or leave lost"] == 1


class V01Hub:
    """What a v0.1 hub does on the wire, with nothing but pyzmq and msgpack."""

    def __init__(self, pull: str, pub: str) -> None:
        self.pull, self.pub = (zmq.Context.instance().socket(kind) for kind in (zmq.PULL, zmq.PUB))
        self.pull.bind(pull)
        self.pub.bind(pub)
        self.received: list[tuple[int, list]] = []

    def publish(self, topic: bytes, msg_type: int, fields: list) -> None:
        self.pub.send_multipart([topic, bytes([msg_type]) + msgpack.packb(fields)])

    async def run(self) -> None:
        while True:
            try:
                raw = self.pull.recv(zmq.NOBLOCK)
            except zmq.Again:
                await asyncio.sleep(0.002)
                continue
            self.received.append((raw[0], msgpack.unpackb(raw[1:])))
            if raw[0] == 12:
                self.publish(b"participant", 7, ["alice", True, 1, "c"])
            if raw[0] == 9:
                self.publish(b"video_data.alice.v", 10, [3, 9, 4, 4, 0, FRAME, "alice", "v"])

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.pull.close(0)
        self.pub.close(0)


async def test_our_agent_works_with_a_v01_hub_and_sends_it_nothing_it_does_not_know(stage, eventually):
    hub = V01Hub(stage.pull, stage.pub)
    serving = asyncio.create_task(hub.run())
    agent = stage.start(ProcessorEndpoint(stage.pub, stage.pull))
    events, signals = [], []
    agent.on_participant(events.append)
    agent.on_frame(signals.append)
    await eventually(lambda: agent.connected_participants == {"alice"})
    hub.publish(b"video.alice.v", 1, [0, 3, 9, 4, 4, 0, 24, "alice", "v"])
    await eventually(lambda: signals)
    frame = await agent.request_frame(signals[0])
    assert (frame.seq, frame.data) == (3, FRAME)
    await agent.send_return_data(DataMessage("alice", "t", 1, b"x"))
    await agent.flush_return_audio("alice")
    await eventually(lambda: len(hub.received) >= 4)
    serving.cancel()
    hub.close()
    assert {msg_type for msg_type, _ in hub.received} == {12, 9, 6, 11}
    assert (9, ["alice", "v"]) in hub.received
    assert len(events) == 1


async def test_a_v01_agent_works_with_our_hub(stage, connector, eventually):
    """Written with pyzmq and msgpack alone, subscribing and asking as v0.1 agents do."""
    got = []
    connector.on_return_data(got.append)
    context = zmq.Context.instance()
    sub, push = context.socket(zmq.SUB), context.socket(zmq.PUSH)
    for topic in (b"participant", b"control", b"video.alice.", b"video_data.alice.", b"audio.alice.", b"data.alice."):
        sub.subscribe(topic)
    sub.connect(stage.pub)
    push.connect(stage.pull)
    seen: dict[int, list] = {}

    def drain() -> dict[int, list]:
        while sub.poll(0):
            _, raw = sub.recv_multipart()
            seen[raw[0]] = msgpack.unpackb(raw[1:])
        return seen

    while 7 not in drain():
        push.send(b"\x0c\x90")
        await asyncio.sleep(0.01)
    await _push(connector)
    await eventually(lambda: 1 in drain())
    push.send(b"\x09" + msgpack.packb(["alice", "v"]))
    await eventually(lambda: 10 in drain())
    push.send(b"\x06" + msgpack.packb(["alice", "t", 1, b"answer"]))
    await eventually(lambda: got)
    pulses = stage.the_hub._core.requests.pulses
    before = pulses._last_us
    await eventually(lambda: pulses._last_us > before, "a heartbeat")
    drain()
    sub.close(0)
    push.close(0)
    assert seen[7] == ["alice", True, 1, "lk"]
    assert seen[1][1:] == [1, 1, 4, 4, 0, 24, "alice", "v"]
    assert seen[10] == [1, 1, 4, 4, 0, FRAME, "alice", "v"]
    assert got == [DataMessage("alice", "t", 1, b"answer")]
    # Heartbeats and welcomes are for those who subscribed to them.
    assert set(seen) <= {1, 7, 10}


async def test_rubbish_from_the_hub_s_address_is_counted_and_skipped(stage, eventually):
    hub = V01Hub(stage.pull, stage.pub)
    serving = asyncio.create_task(hub.run())
    agent = stage.start(ProcessorEndpoint(stage.pub, stage.pull))
    await eventually(lambda: agent.connected_participants)
    heard = []
    agent.on_data(heard.append)
    for raw in (b"", b"\xfe\x90", b"\x04\x91\x01"):
        hub.pub.send_multipart([b"data.alice.t", raw])
    hub.publish(b"data.alice.t", 4, ["alice", "t", 1, b"x"])
    await eventually(lambda: heard)
    serving.cancel()
    hub.close()
    assert agent.losses == {"malformed message": 2, "unknown message id": 1}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _signal(seq: int, track: str = "v") -> FrameSignal:
    return FrameSignal(0, seq, 0, 4, 4, PixelFormat.I420, 24, "alice", track)


def test_while_it_keeps_up_an_agent_sees_every_signal_in_order():
    clock, fired = Clock(), []
    queue = SignalQueue(fired.append, clock)
    for seq in range(1, 1001):
        queue.add(_signal(seq))
        if not seq % 256:
            clock.now += 0.02
            queue.end_batch(drained=False)
    queue.end_batch(drained=True)
    assert [s.seq for s in fired] == list(range(1, 1001))
    assert queue.missed == 0


def test_after_a_stall_an_agent_sees_the_newest_of_each_track_and_knows_what_it_missed():
    clock, fired = Clock(), []
    queue = SignalQueue(fired.append, clock)
    queue.add(_signal(1))
    queue.end_batch(drained=True)
    clock.now += 3.0
    for seq in range(2, 301):
        queue.add(_signal(seq))
        queue.add(_signal(seq, "w"))
        if not seq % 100:
            queue.end_batch(drained=False)
    queue.end_batch(drained=True)
    assert [(s.track_id, s.seq) for s in fired] == [("v", 1), ("v", 300), ("w", 300)]
    assert queue.missed == 298


def test_who_never_catches_up_still_sees_something_new_now_and_then():
    clock, fired = Clock(), []
    queue = SignalQueue(fired.append, clock)
    clock.now = 1.0
    for seq in range(1, 101):
        queue.add(_signal(seq))
        queue.end_batch(drained=False)
        clock.now += 0.05
    assert 4 <= len(fired) <= 8
    assert fired[-1].seq > 75


def test_the_package_needs_nothing_but_pyzmq_and_msgpack():
    import subprocess
    import sys

    code = (
        "import sys; before = set(sys.modules); import xr_ai_agent;"
        "third = {m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names);"
        "print(sorted(m for m in third if not m.startswith('_')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(eval(result.stdout)) <= {"xr_ai_agent", "zmq", "msgpack", "cython_runtime"}


def test_every_name_in_all_is_there_and_nothing_public_is_missing():
    import types

    import xr_ai_agent

    public = {
        name
        for name, value in vars(xr_ai_agent).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(xr_ai_agent.__all__)
    assert encode is xr_ai_agent.encode
