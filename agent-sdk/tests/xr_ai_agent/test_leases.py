"""Leases of frames: whatever happens on the way, the hub gets each of them back, and what is held stays as it is."""

import asyncio
import gc
import os
import resource

import pytest

from xr_ai_agent import FrameRequest, PixelFormat, RingError
from xr_ai_agent._hub import frame_store
from xr_ai_agent._hub.frame_store import FrameStore
from xr_ai_agent._wire.messages import FrameAsk, FrameStatus

pytestmark = pytest.mark.anyio

TRACK = FrameRequest("alice", "v")
SIDE_PX = 64
SIZE_BYTES = PixelFormat.I420.frame_bytes(SIDE_PX, SIDE_PX)
LONG_S = 600.0


def push(connector, value: int = 0, track: str = "v", side: int = SIDE_PX, participant_id: str = "alice"):
    pixels = bytes([value]) * PixelFormat.I420.frame_bytes(side, side)
    return connector.push_frame(participant_id, track, PixelFormat.I420, side, side, 1, pixels)


@pytest.fixture
def store(hub) -> FrameStore:
    return hub._core.frames


def lent(store: FrameStore) -> int:
    """How many leases the hub thinks are out."""
    return sum(map(len, store._leases.values()))


# --- given back ---


async def test_a_frame_whose_memory_is_not_reached_is_not_held(stage, hub, connector, store, eventually):
    """As for an agent in a container of its own."""
    agent = await stage.agent()
    await push(connector, 7)
    path, first = store.state(("alice", "v")).ring.path, store._next_lease_id
    path.rename(path.with_name("elsewhere"))
    frame = await agent.request_frame(TRACK, copy=False)
    assert bytes(frame.data) == bytes([7]) * SIZE_BYTES
    assert store._next_lease_id == first + 2
    await eventually(lambda: not lent(store))
    path.with_name("elsewhere").rename(path)


async def test_an_answer_that_comes_too_late_is_given_back(stage, connector, store, eventually):
    agent = await stage.agent()
    await push(connector)
    first = store._next_lease_id
    async with agent.borrow_frame(TRACK, timeout=0.0, lease=LONG_S) as frame:
        assert frame is None
    await eventually(lambda: store._next_lease_id > first, "the hub lends it all the same")
    await eventually(lambda: not lent(store))


async def test_an_answer_that_comes_as_its_asker_gives_up_is_given_back(stage, connector, store, eventually):
    agent = await stage.agent()
    await push(connector)
    fetcher = agent._frames
    take = fetcher.on_reply
    asking = asyncio.create_task(fetcher._ask_mapped(("alice", "v"), 60_000))
    fetcher.on_reply = lambda reply: (take(reply), asking.cancel())
    with pytest.raises(asyncio.CancelledError):
        await asking
    fetcher.on_reply = take
    assert lent(store) == 1
    await eventually(lambda: not lent(store))


async def test_a_frame_that_no_mapping_is_left_for_is_copied_and_given_back(stage, connector, store, eventually):
    agent = await stage.agent()
    await push(connector, 7)
    await agent.request_frame(TRACK)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        frame = await agent.request_frame(TRACK, copy=False)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert frame.data == bytes([7]) * SIZE_BYTES
    assert isinstance(frame.data.obj, bytes)
    assert agent.losses == {"frame not read in place": 1}
    await eventually(lambda: not lent(store))


async def test_what_could_not_be_told_is_told_later(stage, connector, store, eventually):
    agent = await stage.agent()
    await push(connector)
    frame = await agent.request_frame(TRACK, copy=False)
    send = agent._frames._send
    agent._frames._send = lambda _: False
    async with agent.borrow_frame(TRACK, timeout=1.0) as borrowed:
        assert borrowed is None
    del frame
    gc.collect()
    assert len(agent._frames._releases) == 1
    assert await agent.request_frame(TRACK, copy=False) is None
    agent._frames.sweep()
    assert len(agent._frames._releases) == 1
    agent._frames._send = send
    await eventually(lambda: not lent(store))
    assert len(agent._frames._releases) == 0


async def test_a_borrowed_frame_whose_return_could_not_be_told_is_given_back_later(stage, connector, store, eventually):
    agent = await stage.agent()
    await push(connector)
    async with agent.borrow_frame(TRACK, lease=LONG_S) as frame:
        assert frame.is_intact
        send, agent._frames._send = agent._frames._send, lambda _: False
    assert lent(store) == 1
    agent._frames._send = send
    await eventually(lambda: not lent(store))


# --- what the hub does about those that are not given back ---


def ask(lease_ms: int) -> FrameAsk:
    return FrameAsk("0123456789abcdef", 1, "alice", "v", lease_ms, False)


def lease_id(store: FrameStore, lease_ms: int) -> int:
    return store.answer(ask(lease_ms), FrameStatus.NO_FRAME).lease_id


async def test_leases_that_ran_out_make_room_for_others(connector, store, eventually):
    await push(connector)
    assert all(lease_id(store, 1) for _ in range(64))
    await eventually(lambda: lease_id(store, 60_000))
    assert lent(store) <= 64


async def test_leases_of_memory_that_is_gone_make_room_for_others(connector, store):
    await push(connector)
    assert all(lease_id(store, 9_000) for _ in range(64))
    assert lease_id(store, 9_000) == 0
    await connector.end_track("alice", "v")
    await push(connector)
    assert lease_id(store, 9_000) > 0
    assert lent(store) == 1


def test_two_hubs_do_not_give_the_same_leases():
    """An agent may give back to the second what it held of the first."""
    assert FrameStore()._next_lease_id != FrameStore()._next_lease_id


# --- what is held stays readable ---


@pytest.mark.parametrize("end", ["track", "resolution", "hub"])
async def test_a_borrowed_frame_can_be_asked_for_its_state_after_its_memory_was_given_up(stage, hub, connector, end):
    agent = await stage.agent()
    await push(connector, 7)
    async with agent.borrow_frame(TRACK, lease=LONG_S) as frame:
        match end:
            case "track":
                await connector.end_track("alice", "v")
                agent._frames.sweep()
            case "resolution":
                await push(connector, 8, side=8 * SIDE_PX)
                agent._frames.sweep()
            case "hub":
                agent._frames.reset()
        assert not agent._frames._maps._maps
        assert frame.is_intact
        assert frame.data == bytes([7]) * SIZE_BYTES


async def test_a_frame_that_was_written_over_before_its_track_ended_is_told_to_be(stage, connector, eventually):
    agent = await stage.agent()
    await push(connector)
    async with agent.borrow_frame(TRACK, lease=0.001) as frame:
        async with asyncio.timeout(20):
            while frame.is_intact:
                await push(connector, 9)
                await asyncio.sleep(0.001)
        await connector.end_track("alice", "v")
        agent._frames.sweep()
        assert not frame.is_intact


# --- nobody takes all the memory ---


async def test_a_participant_has_so_many_tracks_and_no_more(hub, connector, store):
    await connector.notify_participant_joined("bob", 1)
    most = frame_store.TRACKS_PER_PARTICIPANT_MAX
    for number in range(most):
        await push(connector, track=f"v{number}")
    with pytest.raises(RingError, match=f"alice has {most} video tracks"):
        await push(connector, track="one-more")
    assert store.track_count == most
    await push(connector, track="v0")
    await push(connector, participant_id="bob")
    await connector.end_track("alice", "v0")
    await push(connector, track="one-more")


async def test_a_participant_has_so_much_memory_and_no_more(connector, store, monkeypatch):
    monkeypatch.setattr(frame_store, "_PARTICIPANT_MAX_BYTES", 300_000)
    await connector.notify_participant_joined("bob", 1)
    for track in ("v", "w", "v"):
        await push(connector, 7, track)
    taken = store.size_bytes
    for track, side in (("x", 8 * SIDE_PX), ("w", 8 * SIDE_PX)):
        with pytest.raises(RingError, match="at most 300000 are given to one"):
            await push(connector, 8, track, side)
    assert store.size_bytes == taken
    assert store.newest(("alice", "w")).data == bytes([7]) * SIZE_BYTES
    await push(connector, 7, participant_id="bob")


async def test_frames_of_too_many_tracks_of_a_connector_elsewhere_are_counted(stage, hub, eventually):
    connector = await stage.connector(num_slots=64)
    await connector.notify_participant_joined("alice", 1)
    most = frame_store.TRACKS_PER_PARTICIPANT_MAX
    for number in range(most + 3):
        await push(connector, track=f"v{number}")
    await eventually(lambda: hub.stats().counters == {"frame lost": 3})
    assert hub.stats().video_tracks == most
