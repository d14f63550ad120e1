"""Programs of v0.1 and ours, one on each side; here v0.1 is pyzmq, msgpack and a segment by the contract's letter."""

import mmap
import struct
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgpack
import pytest
import zmq

from xr_ai_agent import AudioChunk, ConnectorEndpoint, DataMessage, FrameRequest, PixelFormat, ReturnAudioFlush
from xr_ai_agent._frames.shm import shm_root

pytestmark = pytest.mark.anyio

FRAME = bytes(range(24))
SAMPLES = struct.pack("<2f", 0.5, -0.5)

FRAME_SIGNAL, AUDIO_CHUNK, CONTROL, DATA_MESSAGE = range(1, 5)
RETURN_AUDIO, RETURN_DATA, PARTICIPANT_EVENT, CONNECTOR_REGISTER = range(5, 9)
RETURN_AUDIO_FLUSH = 11
I420 = 0
FREE, WRITING, READY = range(3)
GLOBAL_HEADER, SLOT_HEADER = struct.Struct("=IIQQ"), struct.Struct("=IBBHQqIII")
GLOBAL_MAGIC, SLOT_MAGIC = 0xC0FFEE01, 0xF4A3E501
SLOT_HEADER_BYTES = 64


class Ring:
    """The segment of a connector of v0.1, which creates it; its hub attaches."""

    def __init__(self, name: str, num_slots: int = 0, max_frame_bytes: int = 0) -> None:
        self.path = shm_root() / name
        stride = SLOT_HEADER_BYTES + max_frame_bytes
        if num_slots:
            self.path.write_bytes(bytes(GLOBAL_HEADER.size + num_slots * stride))
        with self.path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        if num_slots:
            GLOBAL_HEADER.pack_into(self.memory, 0, GLOBAL_MAGIC, num_slots, max_frame_bytes, stride)
        magic, self.num_slots, _, self.stride = GLOBAL_HEADER.unpack_from(self.memory)
        assert magic == GLOBAL_MAGIC
        for slot in range(num_slots):
            SLOT_HEADER.pack_into(self.memory, self.at(slot), SLOT_MAGIC, FREE, *[0] * 7)

    def at(self, slot: int) -> int:
        return GLOBAL_HEADER.size + slot * self.stride

    def state(self, slot: int) -> int:
        return self.memory[self.at(slot) + 4]

    def set_state(self, slot: int, state: int) -> None:
        self.memory[self.at(slot) + 4] = state


class Peer:
    """The two sockets and the message format that programs of v0.1 have in common."""

    def __init__(self, sending: int, hearing: int) -> None:
        context = zmq.Context.instance()
        self.out, self.inlet = context.socket(sending), context.socket(hearing)
        self.heard: list[tuple[bytes, int, list[Any]]] = []

    def take(self) -> list[tuple[bytes, int, list[Any]]]:
        """Return everything heard so far: (topic, message id, fields)."""
        while self.inlet.poll(0):
            *topic, frame = self.inlet.recv_multipart()
            self.heard.append((b"".join(topic), frame[0], msgpack.unpackb(frame[1:])))
        return self.heard

    def close(self) -> None:
        self.out.close(0)
        self.inlet.close(0)


def _frame(msg_type: int, *fields: Any) -> bytes:
    return bytes([msg_type]) + msgpack.packb(fields, use_bin_type=True)


class V01Connector(Peer):
    """Pushes into the hub, subscribes to what is returned, owns its ring."""

    def __init__(self, pull: str, pub: str, num_slots: int = 4, max_frame_bytes: int = 4096) -> None:
        super().__init__(zmq.PUSH, zmq.SUB)
        self.id = uuid.uuid4().hex
        self.ring = Ring(f"xr_conn_{self.id[:8]}", num_slots, max_frame_bytes)
        self.cursor = 0
        self.out.connect(pull)
        self.inlet.connect(pub)

    def say(self, msg_type: int, *fields: Any) -> None:
        self.out.send(_frame(msg_type, *fields))

    def register(self) -> None:
        self.say(CONNECTOR_REGISTER, self.id, self.ring.path.name)

    def join(self, participant_id: str) -> None:
        for topic in ("return_audio.{}.", "return_audio_flush.{}.", "return_data.{}."):
            self.inlet.subscribe(topic.format(participant_id))
        self.say(PARTICIPANT_EVENT, participant_id, True, 1, self.id)

    def leave(self, participant_id: str) -> None:
        self.say(PARTICIPANT_EVENT, participant_id, False, 2, self.id)

    def push_frame(self, participant_id: str, seq: int, says: dict[str, Any] | None = None) -> bool:
        """Write a frame and signal it; False when no slot is free. ``says`` is what its header says otherwise."""
        ring, count = self.ring, self.ring.num_slots
        free = [slot for slot in (*range(self.cursor, count), *range(self.cursor)) if ring.state(slot) == FREE]
        if not free:
            return False
        slot = free[0]
        self.cursor = (slot + 1) % count
        frame = {"fmt": I420, "pad": 0, "seq": seq, "pts_us": 7, "width": 4, "height": 4, "data_sz": len(FRAME)}
        frame |= says or {}
        at = ring.at(slot)
        SLOT_HEADER.pack_into(ring.memory, at, SLOT_MAGIC, WRITING, *frame.values())
        ring.memory[at + SLOT_HEADER_BYTES : at + SLOT_HEADER_BYTES + len(FRAME)] = FRAME
        ring.set_state(slot, READY)
        signal = {**frame, "seq": seq}
        picture = (signal[name] for name in ("seq", "pts_us", "width", "height", "fmt", "data_sz"))
        self.say(FRAME_SIGNAL, slot, *picture, participant_id, "cam")
        return True

    def close(self) -> None:
        super().close()
        self.ring.memory.close()
        self.ring.path.unlink()


class V01Hub(Peer):
    """Binds both sockets, maps each ring that is registered, holds the newest frame of each track."""

    def __init__(self, pull: str, pub: str) -> None:
        super().__init__(zmq.PUB, zmq.PULL)
        self.inlet.bind(pull)
        self.out.bind(pub)

    def publish(self, topic: str, msg_type: int, *fields: Any) -> None:
        self.out.send_multipart([topic.encode(), _frame(msg_type, *fields)])


@pytest.fixture
def peers() -> Iterator[ExitStack]:
    with ExitStack() as peers:
        yield peers


@pytest.fixture
def old_connector(stage, peers) -> V01Connector:
    return _old_connector(stage, peers)


def _old_connector(stage, peers: ExitStack, **options: Any) -> V01Connector:
    connector = V01Connector(stage.pull, stage.pub, **options)
    peers.callback(connector.close)
    connector.register()
    return connector


async def _push(connector: V01Connector, eventually, participant_id: str, seqs: range, **options: Any) -> None:
    """Push as a camera does that waits for a slot: with leaked slots none becomes free."""
    for seq in seqs:
        await eventually(lambda seq=seq: connector.push_frame(participant_id, seq, **options), "a slot is free")


# --- a connector of v0.1 at our hub ---


async def test_a_v01_connector_serves_its_participants_through_our_hub(stage, old_connector, eventually):
    stage.hub()
    agent, heard = await stage.agent(), []
    for register in (agent.on_participant, agent.on_data, agent.on_audio, agent.on_frame):
        register(heard.append)
    old_connector.join("alice")
    old_connector.say(DATA_MESSAGE, "alice", "chat", 5, b"hello")
    old_connector.say(AUDIO_CHUNK, 6, 48_000, 1, 2, SAMPLES, "alice", "mic")
    assert old_connector.push_frame("alice", 1)
    await eventually(lambda: len(heard) == 4)
    assert DataMessage("alice", "chat", 5, b"hello") in heard
    assert AudioChunk(6, 48_000, 1, 2, SAMPLES, "alice", "mic") in heard
    assert (await agent.request_frame(FrameRequest("alice", "cam"))).data == FRAME
    old_connector.leave("alice")
    await eventually(lambda: not agent.connected_participants)


async def test_a_v01_connector_is_answered_as_the_contract_says(stage, old_connector, eventually):
    hub = stage.hub()
    old_connector.join("alice")
    agent = await stage.agent()
    # One of v0.1 is not told when the hub sees its subscriptions.
    returned = [topic + b".alice." for topic in (b"return_audio", b"return_audio_flush", b"return_data")]
    await eventually(lambda: all(map(hub._sockets.pub.is_heard, returned)) and agent.connected_participants)
    await agent.send_return_audio(AudioChunk(6, 48_000, 1, 2, SAMPLES, "alice", "tts"))
    await agent.send_return_data(DataMessage("alice", "t", 5, b"x"))
    await eventually(lambda: len(old_connector.take()) == 2)
    await agent.flush_return_audio("alice")
    await eventually(lambda: len(old_connector.take()) == 3)
    assert old_connector.heard == [
        (b"return_audio.alice.", RETURN_AUDIO, [6, 48_000, 1, 2, SAMPLES, "alice", "tts"]),
        (b"return_data.alice.t", RETURN_DATA, ["alice", "t", 5, b"x"]),
        (b"return_audio_flush.alice.", RETURN_AUDIO_FLUSH, ["alice"]),
    ]


async def test_frames_of_somebody_the_hub_refused_cost_nobody_the_video(stage, old_connector, eventually):
    hub = stage.hub()
    old_connector.join("alice.x")
    old_connector.join("bob")
    await _push(old_connector, eventually, "alice.x", range(1, 13))
    await _push(old_connector, eventually, "bob", range(1, 13))
    await eventually(lambda: hub.stats().video_tracks == 1)
    assert hub.stats().counters == {"invalid id": 1, "frame of nobody dropped": 12}


async def test_fifteen_times_late_frames_after_a_leave_do_not_kill_the_ring(stage, old_connector, eventually):
    hub = stage.hub()
    for _ in range(15):
        old_connector.join("alice")
        old_connector.leave("alice")
        await _push(old_connector, eventually, "alice", range(1, 4))
    old_connector.join("alice")
    await _push(old_connector, eventually, "alice", range(1, 31))
    await eventually(lambda: hub.stats().video_tracks == 1)
    assert hub.stats().counters["frame of nobody dropped"] == 45


@pytest.mark.parametrize("successor", ["local", "external"])
async def test_late_frames_after_a_takeover_are_not_the_successor_s_and_cost_no_slot(
    stage, peers, old_connector, eventually, successor
):
    hub = stage.hub()
    agent, seqs = await stage.agent(), []
    agent.on_frame(lambda signal: seqs.append((signal.participant_id, signal.seq)))
    old_connector.join("alice")
    await eventually(lambda: hub.connected_participants == {"alice"})
    if successor == "local":
        new = hub.connect_local("new")
        await new.notify_participant_joined("alice", 2)
    else:
        new = _old_connector(stage, peers)
        new.join("alice")
        await _push(new, eventually, "alice", range(101, 109))
        await eventually(lambda: ("alice", 108) in seqs)
    await _push(old_connector, eventually, "alice", range(1, 13))
    old_connector.join("bob")
    await _push(old_connector, eventually, "bob", range(1, 13))
    await eventually(lambda: ("bob", 12) in seqs)
    assert [seq for who, seq in seqs if who == "alice"] == ([] if successor == "local" else list(range(101, 109)))
    assert hub.stats().counters == {"frame of nobody dropped": 12}


@pytest.mark.parametrize(
    ("says", "counted"),
    [
        ({"width": 1920, "height": 1080}, "malformed frame dropped"),
        ({"fmt": 3}, "malformed frame dropped"),
        ({"data_sz": 23}, "malformed frame dropped"),
        ({"seq": 99}, "frame lost"),
    ],
    ids=["a size that its bytes contradict", "a format that they contradict", "too few bytes", "another frame's seq"],
)
async def test_a_frame_that_is_not_what_it_says_is_dropped_and_its_slot_given_back(
    stage, old_connector, eventually, says, counted
):
    hub = stage.hub()
    agent, seqs = await stage.agent(), []
    agent.on_frame(lambda signal: seqs.append(signal.seq))
    old_connector.join("alice")
    await _push(old_connector, eventually, "alice", range(1, 13), says=says)
    await _push(old_connector, eventually, "alice", range(13, 15))
    await eventually(lambda: 14 in seqs)
    assert seqs == [13, 14]
    assert hub.stats().counters == {counted: 12}


async def test_a_v01_connector_that_names_a_wrong_ring_keeps_the_one_it_has(stage, old_connector, eventually):
    hub = stage.hub()
    old_connector.join("alice")
    old_connector.say(CONNECTOR_REGISTER, old_connector.id, "xr_no_such_ring")
    await _push(old_connector, eventually, "alice", range(1, 13))
    await eventually(lambda: hub.stats().video_tracks == 1)
    assert hub.stats().counters == {"frame lost": 1}


async def test_nobody_on_a_socket_speaks_for_a_connector_in_the_hub_s_process(stage, old_connector, eventually):
    hub = stage.hub()
    local = hub.connect_local("lk")
    await local.notify_participant_joined("alice", 1)
    forged = [
        ("alice", False, 2, ""),
        ("alice", True, 2, ""),
        ("alice", False, 2, "lk"),
        ("mallory", True, 2, "lk"),
        ("mallory", True, 2, "l k"),
    ]
    events: list = []
    hub.on_participant(events.append)
    for event in forged:
        old_connector.say(PARTICIPANT_EVENT, *event)
    old_connector.join("bob")
    await eventually(lambda: "bob" in hub.connected_participants)
    assert [event.participant_id for event in events] == ["bob"]
    assert hub.stats().counters == {"invalid id": 5}


async def test_joins_and_leaves_without_a_connector_id_are_those_of_v01(stage, old_connector, eventually):
    hub = stage.hub()
    old_connector.say(PARTICIPANT_EVENT, "alice", True, 1, "")
    await eventually(lambda: hub.connected_participants == {"alice"})
    old_connector.say(PARTICIPANT_EVENT, "alice", False, 2, "")
    await eventually(lambda: not hub.connected_participants)


# --- our connector at a hub of v0.1 ---


async def test_our_connector_speaks_to_a_v01_hub_in_the_contract_s_words_alone(stage, peers, eventually):
    hub = V01Hub(stage.pull, stage.pub)
    peers.callback(hub.close)
    connector = stage.start(ConnectorEndpoint(stage.pull, stage.pub, "ours", num_slots=4, max_frame_bytes=4096))
    await connector.register()
    await connector.notify_participant_joined("alice", 11)
    await connector.push_data(DataMessage("alice", "chat", 5, b"hello"))
    await connector.push_audio(AudioChunk(6, 48_000, 1, 2, SAMPLES, "alice", "mic"))
    assert await connector.push_frame("alice", "cam", PixelFormat.I420, 4, 4, 7, FRAME) == 1
    await connector.send_control("topic", {"a": 1})
    await connector.end_track("alice", "cam")
    await connector.notify_participant_left("alice", 12)
    await eventually(lambda: len(hub.take()) == 7)
    registered, *said = hub.heard
    assert said == [
        (b"", PARTICIPANT_EVENT, ["alice", True, 11, "ours"]),
        (b"", DATA_MESSAGE, ["alice", "chat", 5, b"hello"]),
        (b"", AUDIO_CHUNK, [6, 48_000, 1, 2, SAMPLES, "alice", "mic"]),
        (b"", FRAME_SIGNAL, [0, 1, 7, 4, 4, I420, 24, "alice", "cam"]),
        (b"", CONTROL, ["topic", {"a": 1}]),
        (b"", PARTICIPANT_EVENT, ["alice", False, 12, "ours"]),
    ]
    _, msg_type, (connector_id, shm_name) = registered
    assert (msg_type, connector_id) == (CONNECTOR_REGISTER, "ours")
    ring = Ring(shm_name)
    peers.callback(ring.memory.close)
    at = ring.at(0)
    assert SLOT_HEADER.unpack_from(ring.memory, at) == (SLOT_MAGIC, READY, I420, 0, 1, 7, 4, 4, 24)
    assert ring.memory[at + SLOT_HEADER_BYTES : at + SLOT_HEADER_BYTES + 24] == FRAME


async def test_a_v01_hub_that_holds_the_newest_frame_of_a_track_gets_the_next_in_another_slot(stage, peers, eventually):
    hub = V01Hub(stage.pull, stage.pub)
    peers.callback(hub.close)
    connector = stage.start(ConnectorEndpoint(stage.pull, stage.pub, num_slots=2, max_frame_bytes=4096))
    await connector.register()
    await connector.notify_participant_joined("alice", 11)
    await eventually(lambda: len(hub.take()) == 2)
    ring = Ring(hub.heard[0][2][1])
    peers.callback(ring.memory.close)
    held: list[int] = []
    for number in range(1, 11):
        assert await connector.push_frame("alice", "cam", PixelFormat.I420, 4, 4, 7, FRAME) == number
        await eventually(lambda number=number: len(hub.take()) == 2 + number)
        slot = hub.heard[-1][2][0]
        assert slot not in held
        for old in held:
            ring.set_state(old, FREE)
        held = [slot]


async def test_what_a_v01_hub_returns_reaches_its_participant(stage, peers, eventually):
    hub = V01Hub(stage.pull, stage.pub)
    peers.callback(hub.close)
    connector = stage.start(ConnectorEndpoint(stage.pull, stage.pub, num_slots=2, max_frame_bytes=4096))
    got: list = []
    connector.on_return_audio(got.append)
    connector.on_return_data(got.append)
    connector.on_return_audio_flush(got.append)
    await connector.register()
    await connector.notify_participant_joined("alice", 11)
    # A PUB says nothing of who has subscribed: it is said until it is heard.
    speech = [6, 48_000, 1, 2, SAMPLES, "alice", "tts"]
    await eventually(lambda: got or hub.publish("return_audio.alice.", RETURN_AUDIO, *speech))
    hub.publish("return_data.alice.t", RETURN_DATA, "alice", "t", 5, b"x")
    hub.publish("return_audio_flush.alice.", RETURN_AUDIO_FLUSH, "alice")
    await eventually(lambda: ReturnAudioFlush("alice") in got)
    assert got[0] == AudioChunk(6, 48_000, 1, 2, SAMPLES, "alice", "tts")
    assert DataMessage("alice", "t", 5, b"x") in got
