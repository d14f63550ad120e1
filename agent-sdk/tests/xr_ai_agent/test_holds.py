"""Frames read in place without asking: what is held stays as it is, whatever the writer does, and costs nobody else."""

import gc
import os
import random
import subprocess
import sys
import time

import pytest

from xr_ai_agent import FrameRequest, PixelFormat, RingFullError
from xr_ai_agent._frames.ring_map import RingMap
from xr_ai_agent._frames.slot_locks import SlotLocks
from xr_ai_agent._frames.track_ring import NewestFrame, TrackRing
from xr_ai_agent._wire.codec import decode
from xr_ai_agent._wire.messages import LOCK_CHECK_FROM, LockSeen, MsgType

pytestmark = pytest.mark.anyio

TRACK = FrameRequest("alice", "v")
SIDE_PX = 64
SIZE_BYTES = PixelFormat.I420.frame_bytes(SIDE_PX, SIDE_PX)


@pytest.fixture
def ring(tmp_path):
    ring = TrackRing(tmp_path, 10_000)
    yield ring
    ring.close()


def write(ring: TrackRing, seq: int) -> NewestFrame:
    place = ring.write(memoryview(bytes([seq % 251]) * 10_000))
    frame = NewestFrame(seq, 5, 10, 1000, 0, 10_000, place.generation_offset, place.generation)
    ring.tell_newest(frame)
    return frame


def reader_of(ring: TrackRing) -> RingMap:
    return RingMap(str(ring.path), ring.token)


# --- the ring ---

_STRESS_BYTES = 200_000
_WRITER = f"""
import sys
from pathlib import Path
from xr_ai_agent._frames.track_ring import NewestFrame, TrackRing

ring = TrackRing(Path(sys.argv[1]), {_STRESS_BYTES})
print(ring.path, ring.token.hex(), flush=True)
for seq in range(1, 100_000_000):
    place = ring.write(memoryview(bytes([seq % 251]) * {_STRESS_BYTES}))
    ring.tell_newest(NewestFrame(seq, 0, 1, 1, 0, {_STRESS_BYTES}, place.generation_offset, place.generation))
"""


def test_what_is_held_never_changes_under_a_writer_at_full_speed(tmp_path):
    """Two readers hold and drop frames at random, also many at a time; no writer ever runs out of slots."""
    choose = random.Random(7)
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        try:
            path, token = writer.stdout.readline().split()
            readers = [RingMap(path, bytes.fromhex(token)) for _ in range(2)]
            held, wrong, taken, refused = [], [], 0, 0
            newest_seq, deadline = 0, time.monotonic() + 60
            while taken < 2_000 and time.monotonic() < deadline:
                reader = choose.choice(readers)
                newest = reader.newest
                if newest is None:
                    continue
                newest_seq = newest.seq
                if reader.hold(newest):
                    taken += 1
                    held.append((reader, newest, reader.view(newest.data_offset, newest.size)))
                else:
                    refused += 1
                while held and (len(held) > 5 or choose.random() < 0.4):
                    owner, frame, pixels = held.pop(choose.randrange(len(held)))
                    if bytes(pixels) != bytes([frame.seq % 251]) * _STRESS_BYTES:
                        wrong.append(frame.seq)
                    owner.drop(frame.generation_offset)
            assert writer.poll() is None
        finally:
            writer.kill()
    assert wrong == []
    assert taken == 2_000
    assert newest_seq > 500


def test_a_reader_that_died_holds_nothing(ring):
    frame = write(ring, 1)
    code = (
        "import sys, time; from xr_ai_agent._frames.ring_map import RingMap;"
        "reader = RingMap(sys.argv[1], bytes.fromhex(sys.argv[2]));"
        "print(reader.hold(reader.newest), flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(ring.path), ring.token.hex()], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "True\n"
        slot = (frame.generation_offset - 4096) // ring._stride
        assert ring.is_held(slot)
        for seq in range(2, 30):
            write(ring, seq)
        assert bytes(reader_of(ring).view(frame.data_offset, 10_000)) == bytes([1]) * 10_000
        reader.kill()
    assert not ring.is_held(slot)


def test_readers_leave_two_slots_to_the_writer_whoever_holds_the_others(ring):
    readers = [reader_of(ring) for _ in range(3)]
    held = 0
    for seq in range(1, 30):
        frame = write(ring, seq)
        held += readers[seq % 3].hold(frame)
    assert held == 6
    free = [slot for slot in ring._leases if not ring.is_held(slot)]
    assert len(free) == 2
    assert [ring.hold(slot) for slot in free] == [None, None]


def test_what_the_hub_holds_for_others_counts_for_readers_too(ring):
    leases = {}
    for seq in range(1, 7):
        slot = (write(ring, seq).generation_offset - 4096) // ring._stride
        leases[slot] = ring.hold(slot)
    assert len(leases) == 6
    assert all(leases.values())
    reader = reader_of(ring)
    frame = write(ring, 7)
    assert not reader.hold(frame)
    slot, lease = next(iter(leases.items()))
    ring.release(slot, lease)
    assert reader.hold(frame)


def test_a_frame_that_is_gone_is_not_held(ring):
    reader = reader_of(ring)
    frame = write(ring, 1)
    for seq in range(2, 6):
        write(ring, seq)
    assert not reader.hold(frame)
    assert not any(map(ring.is_held, ring._leases))


def test_a_frame_held_twice_is_held_until_it_is_dropped_twice(ring):
    reader = reader_of(ring)
    frame = write(ring, 1)
    assert reader.hold(frame)
    assert reader.hold(frame)
    reader.drop(frame.generation_offset)
    for seq in range(2, 20):
        write(ring, seq)
    assert reader.generation(frame.generation_offset) == frame.generation
    reader.drop(frame.generation_offset)
    for seq in range(20, 40):
        write(ring, seq)
    assert reader.generation(frame.generation_offset) != frame.generation


def test_whoever_locks_every_slot_stops_the_track_and_breaks_no_promise(ring):
    """Our readers do not. The frame is refused; nothing that is held is written over."""
    write(ring, 1)
    fd = os.open(ring.path, os.O_RDONLY)
    try:
        greedy = SlotLocks(fd)
        for slot in range(8):
            assert greedy.share(4096 + slot * ring._stride)
        before = bytes(ring._view)
        with pytest.raises(RingFullError, match="readers hold all"):
            write(ring, 2)
        assert bytes(ring._view) == before
    finally:
        os.close(fd)
    write(ring, 20)


# --- agent and hub ---


def push(connector, value: int = 0):
    pixels = bytes([value]) * SIZE_BYTES
    return connector.push_frame("alice", "v", PixelFormat.I420, SIDE_PX, SIDE_PX, 1, pixels)


def asks(agent) -> list[int]:
    """Record the ids of what an agent sends on its control channel about frames."""
    sent: list[int] = []
    send = agent._frames._send

    def record(frame: bytes) -> bool:
        sent.append(decode(frame)[0])
        return send(frame)

    agent._frames._send = record
    return sent


async def seen(agent, eventually) -> None:
    """Let the hub say that it sees the agent's locks."""
    await agent.request_frame(TRACK, copy=False)
    await eventually(lambda: agent._frames.holds.are_seen)
    await eventually(lambda: agent._frames._hub_seen_at > 0, "a heartbeat")
    gc.collect()
    agent._frames.sweep()


async def test_a_view_of_a_known_track_is_taken_without_asking_and_never_changes(stage, connector, eventually):
    agent = await stage.agent()
    await push(connector)
    await seen(agent, eventually)
    sent = asks(agent)
    await push(connector, 7)
    frame = await agent.request_frame(TRACK, copy=False)
    assert (frame.seq, frame.width, frame.data.readonly) == (2, SIDE_PX, True)
    assert type(frame.data.obj).__name__ == "mmap"
    part = frame.data[10:20]
    del frame
    gc.collect()
    for value in range(100):
        await push(connector, value)
        agent._frames.sweep()
    assert part == bytes([7]) * 10
    assert sent == []


async def test_what_is_dropped_is_given_back_without_a_word(stage, connector, eventually):
    agent = await stage.agent()
    await push(connector)
    await seen(agent, eventually)
    ring, sent = connector._core.frames.state(("alice", "v")).ring, asks(agent)
    await eventually(lambda: not any(map(ring.is_held, ring._leases)))
    frames = []
    for value in range(20):
        await push(connector, value)
        frames.append(await agent.request_frame(TRACK, copy=False))
    assert [frame.data[0] for frame in frames] == list(range(20))
    in_place = [type(frame.data.obj).__name__ == "mmap" for frame in frames]
    assert in_place[:6] == [True] * 6
    assert not any(in_place[6:])
    assert sum(map(ring.is_held, ring._leases)) == 6
    sent.clear()
    del frames
    gc.collect()
    agent._frames.sweep()
    assert not any(map(ring.is_held, ring._leases))
    assert MsgType.FRAME_ASK not in sent


async def test_what_is_held_stays_also_when_its_agent_has_closed(stage, connector, eventually):
    agent = await stage.agent()
    await push(connector)
    await seen(agent, eventually)
    await push(connector, 7)
    frame = await agent.request_frame(TRACK, copy=False)
    agent.close()
    await eventually(lambda: connector._core.inboxes == set())
    for value in range(50):
        await push(connector, value)
    assert frame.data == bytes([7]) * SIZE_BYTES


async def test_where_the_hub_does_not_see_locks_every_view_is_asked_for(stage, hub, connector, eventually, monkeypatch):
    """As for an agent whose container shares memory, and has a kernel of its own."""
    monkeypatch.setattr(hub._core.frames, "sees_lock", lambda *_: False)
    agent = await stage.agent()
    await push(connector)
    await eventually(lambda: agent._frames._hub_seen_at > 0, "a heartbeat")
    sent = asks(agent)
    for _ in range(6):
        assert (await agent.request_frame(TRACK, copy=False)).seq == 1
        await eventually(lambda: agent._frames.holds._checked is None)
    assert sent.count(MsgType.FRAME_ASK) == 6
    assert not agent._frames.holds.are_seen


async def test_an_answer_to_another_question_proves_nothing(stage, connector):
    agent = await stage.agent()
    agent._frames.holds.on_seen(LockSeen(LOCK_CHECK_FROM, True))
    assert not agent._frames.holds.are_seen


async def test_a_hub_that_is_silent_shows_no_old_frames_in_place_either(stage, connector, eventually):
    agent = await stage.agent()
    await push(connector)
    await seen(agent, eventually)
    agent._frames._send = lambda _: True
    agent._frames._hub_seen_at -= 10
    assert await agent.request_frame(TRACK, timeout=0.01, copy=False) is None
