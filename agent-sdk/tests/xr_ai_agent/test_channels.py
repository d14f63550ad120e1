"""The sockets that our hub announces beside the contract's two: what they carry, and what they must not mix."""

import asyncio
import gc
import logging
import os
from pathlib import Path

import pytest
import zmq

from xr_ai_agent import (
    AudioChunk,
    DataMessage,
    FrameRequest,
    FrameSignal,
    FrameView,
    MsgType,
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    Subscribe,
    encode,
)
from xr_ai_agent._agent.attendance import Attendance
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.stream_loss import StreamLoss
from xr_ai_agent._utterances import Utterances, Verdict
from xr_ai_agent._wire.messages import FrameAsk, HubWelcome, SpeechFlush

pytestmark = pytest.mark.anyio

TRACK = FrameRequest("alice", "v")
SIDE_PX = 64
SIZE_BYTES = PixelFormat.I420.frame_bytes(SIDE_PX, SIDE_PX)


def push(connector, value: int = 0, track: str = "v"):
    return connector.push_frame("alice", track, PixelFormat.I420, SIDE_PX, SIDE_PX, 1, bytes([value]) * SIZE_BYTES)


def speech(number: int) -> AudioChunk:
    return AudioChunk(number, 48_000, 1, 1, bytes(4), "alice", "tts")


# --- frame signals ---


async def test_signals_come_through_their_own_socket_alone(hub, stage, connector, eventually):
    agent, seen = await stage.agent(), []
    agent.on_frame(lambda signal: seen.append(signal.seq))
    assert agent._link.video.is_live
    await eventually(lambda: not hub._sockets.pub.is_heard(b"video.alice.v"), "signals leave the contract's socket")
    for _ in range(50):
        await push(connector)
    await eventually(lambda: len(seen) == 50)
    assert seen == list(range(1, 51))
    assert agent.frames_missed == 0


async def test_a_signal_that_nobody_listens_to_is_not_even_encoded(stage, hub, connector, monkeypatch):
    await stage.agent(filter=Subscribe.DATA)
    monkeypatch.setattr("xr_ai_agent._hub.core.encode", lambda *_: pytest.fail("encoded for nobody"))
    await push(connector)


async def test_a_change_of_mind_reaches_the_socket_of_the_signals(stage, connector, eventually):
    agent, seen = await stage.agent(auto_subscribe=False), []
    agent.on_frame(lambda signal: seen.append(signal.seq))
    for wanted in (True, False, True):
        seen.clear()
        (agent.subscribe if wanted else agent.unsubscribe)("alice")
        await agent.wait_subscribed()
        await push(connector)
        await connector.push_data(DataMessage("alice", "fence", 1, b""))
        if wanted:
            await eventually(lambda: seen)
    agent.unsubscribe("alice")
    await agent.wait_subscribed()
    seen.clear()
    await push(connector)
    await agent.wait_subscribed()
    assert seen == []


# --- who was behind ---


async def test_who_was_behind_hears_from_the_hub_what_is_newest(stage, connector, eventually):
    """Also of a camera whose last signals found no room and which has been still ever since."""
    agent, seen = await stage.agent(), []
    agent.on_frame(lambda signal: seen.append((signal.track_id, signal.seq)))
    for track, count in (("v", 3), ("w", 5)):
        for _ in range(count):
            await push(connector, track=track)
    await eventually(lambda: len(seen) == 8)
    seen.clear()
    agent._signals._last_seq.update({("alice", "v"): 1, ("alice", "w"): 2})
    assert agent._ask_newest()
    await eventually(lambda: len(seen) == 2)
    assert sorted(seen) == [("v", 3), ("w", 5)]
    assert agent.frames_missed == 1 + 2
    await push(connector)
    await eventually(lambda: seen[-1] == ("v", 4))


def test_old_signals_that_still_come_after_the_hub_s_word_are_not_shown():
    from xr_ai_agent._agent.signal_queue import SignalQueue

    shown, asked = [], []
    now = [0.0]
    queue = SignalQueue(lambda signal: shown.append(signal.seq), lambda: now[0])
    queue.ask_newest = lambda: not asked.append(True)

    def signal(seq: int) -> FrameSignal:
        return FrameSignal(0, seq, 1, 4, 4, PixelFormat.I420, 24, "alice", "v")

    now[0] = 5.0
    queue.add(signal(1))
    queue.end_batch(drained=False)
    queue.add(signal(2))
    queue.end_batch(drained=True)
    assert (shown, asked) == ([], [True])
    queue.on_newest([signal(90)])
    queue.add(signal(3))
    queue.end_batch(drained=True)
    assert shown == [90]
    queue.add(signal(91))
    queue.end_batch(drained=True)
    assert shown == [90, 91]


# --- joins and leaves on two sockets ---


def test_who_rejoined_while_nobody_was_listening_has_left_in_between():
    """A leave and a join that were both lost: the list of who is here has the same names, but another session."""
    seen: list[tuple[bool, int]] = []
    attendance = Attendance(lambda e: seen.append((e.joined, e.pts_us)), lambda _: None)
    attendance.restart()
    attendance.replace((("alice", "lk", 5),), 9)
    digest = attendance.roster.digest
    assert not attendance.is_behind(digest)
    hub = Attendance(lambda _: None, lambda _: None)
    hub.replace((("alice", "lk", 7),), 9)
    assert attendance.is_behind(hub.roster.digest)
    attendance.replace((("alice", "lk", 7),), 9)
    attendance.on_told(ParticipantEvent("alice", True, 8, "lk"))
    assert seen == [(True, 5), (False, 9), (True, 7), (False, 8), (True, 8)]


def test_a_leave_that_waits_for_a_word_that_never_comes_is_told_in_the_end_and_late_signals_are_not_shown():
    seen: list[object] = []
    attendance = Attendance(lambda e: seen.append(e.joined), lambda signal: seen.append(signal.seq))
    attendance.restart()
    attendance.has_video = True
    attendance.on_video_roster((("alice", "lk", 5),), 1)
    attendance.replace((("alice", "lk", 5),), 9)
    signal = FrameSignal(0, 1, 1, 4, 4, PixelFormat.I420, 24, "alice", "v")
    assert attendance.admits(signal)
    attendance.on_told(ParticipantEvent("alice", False, 6, "lk"))
    assert attendance.is_apart
    attendance.on_told(ParticipantEvent("alice", True, 7, "lk"))
    number = 0
    while len(seen) < 2:
        assert attendance.holds("alice", seen.append, number)
        number += 1
    assert seen == [True, False, True, *range(number)]
    assert not attendance.admits(signal)
    assert attendance.admits(signal, session=7)


def test_a_hub_that_dates_nothing_may_repeat_a_join_with_another_time():
    seen: list[bool] = []
    attendance = Attendance(lambda e: seen.append(e.joined), lambda _: None)
    for pts_us in (5, 7, 6):
        attendance.on_told(ParticipantEvent("alice", True, pts_us, "lk"))
    assert seen == [True]


async def test_a_leave_lost_on_the_socket_of_the_signals_is_noticed_and_made_up_for(stage, connector, eventually):
    agent, seen = await stage.agent(), []
    agent.on_frame(lambda signal: seen.append(signal.seq))
    agent._attendance.on_video_told(ParticipantEvent("alice", False, 1))
    await push(connector)
    await eventually(lambda: agent.losses.get("join or leave lost") == 1, within_s=20)
    await push(connector)
    await eventually(lambda: seen == [2])


async def test_media_of_a_connector_that_lost_its_participant_goes_nowhere(stage, hub, connector, eventually):
    agent, seen = await stage.agent(), []
    agent.on_data(lambda message: seen.append(message.data))
    agent.on_frame(seen.append)
    agent.on_participant(lambda event: seen.append((event.joined, event.connector_id)))
    other = hub.connect_local("other")
    await other.notify_participant_joined("alice", 1)
    assert await push(connector) == 0
    await connector.push_data(DataMessage("alice", "t", 1, b"old"))
    await other.push_data(DataMessage("alice", "t", 1, b"new"))
    await eventually(lambda: b"new" in seen)
    assert seen == [(False, "lk"), (True, "other"), b"new"]
    assert hub.stats().counters == {"frame of nobody dropped": 1, "data of nobody dropped": 1}


async def test_who_waits_for_its_subscriptions_while_the_hub_restarts_is_answered_by_the_new_one(stage, eventually):
    old = stage.hub()
    agent = await stage.agent()
    old.stop()
    await eventually(lambda: old._sockets.video._reader._loop is None)
    waiting = asyncio.create_task(agent.wait_subscribed())
    await eventually(lambda: agent._link._markers.is_waiting)
    old.close()
    stage.hub()
    async with asyncio.timeout(20):
        await waiting


# --- frames read in place ---


async def test_a_frame_read_in_place_is_not_copied_and_never_changes(stage, hub, connector):
    agent = await stage.agent()
    await push(connector, 7)
    frame = await agent.request_frame(TRACK, copy=False)
    assert isinstance(frame, FrameView)
    assert frame.data.readonly
    assert type(frame.data.obj).__name__ == "mmap"
    for value in range(100):
        await push(connector, value)
    assert frame.data == bytes([7]) * SIZE_BYTES
    assert hub.stats().counters == {}


async def test_whatever_was_made_of_a_frame_keeps_its_memory(stage, connector, eventually):
    """A slice outlives the frame it was taken of; only when it is gone may the hub write there again."""
    agent = await stage.agent()
    await push(connector, 7)
    part = (await agent.request_frame(TRACK, copy=False)).data[10:20]
    gc.collect()
    assert not len(agent._frames._releases)
    ring = connector._core.frames._tracks[("alice", "v")].ring
    assert sum(map(ring.is_held, ring._leases)) == 1
    for value in range(50):
        await push(connector, value)
        await agent.request_frame(TRACK)
    assert part == bytes([7]) * 10
    del part
    await agent.request_frame(TRACK)
    await eventually(lambda: not any(map(ring.is_held, ring._leases)))


async def test_who_hoards_frames_gets_copies_and_the_camera_goes_on(stage, hub, connector):
    agent = await stage.agent()
    frames = []
    for value in range(20):
        await push(connector, value)
        frames.append(await agent.request_frame(TRACK, copy=False))
    assert [frame.data[0] for frame in frames] == list(range(20))
    assert [frame.data[-1] for frame in frames] == list(range(20))
    in_place = [type(frame.data.obj).__name__ == "mmap" for frame in frames]
    assert 2 <= sum(in_place) <= 6
    assert not any(in_place[6:])
    assert hub.stats().ring_bytes <= 9 * (SIZE_BYTES + 8192)


async def test_frames_held_through_the_end_of_track_and_hub_stay_readable(stage, hub, connector):
    agent = await stage.agent()
    await push(connector, 7)
    frame = await agent.request_frame(TRACK, copy=False)
    await connector.end_track("alice", "v")
    hub.close()
    assert frame.data == bytes([7]) * SIZE_BYTES


async def test_an_agent_that_goes_gives_back_what_it_held(stage, hub, connector, eventually):
    agent = await stage.agent()
    await push(connector)
    frame = await agent.request_frame(TRACK, copy=False)
    ring = connector._core.frames._tracks[("alice", "v")].ring
    assert any(map(ring.is_held, ring._leases))
    agent.close()
    await eventually(lambda: not any(map(ring.is_held, ring._leases)))
    assert frame.data[0] == 0


async def test_views_are_counted_in_files_and_none_is_left(stage, connector):
    agent = await stage.agent()
    await push(connector)
    await agent.request_frame(TRACK, copy=False)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        assert (await agent.request_frame(TRACK, copy=False)).data[0] == 0
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


# --- speech and its flush ---


async def test_a_flush_overtakes_the_speech_it_cancels_and_that_stays_silent(stage, hub, connector, eventually):
    agent, heard = await stage.agent(), []
    connector.on_return_audio(lambda chunk: heard.append(chunk.pts_us))
    connector.on_return_audio_flush(lambda _: heard.append("flush"))
    sends = [asyncio.ensure_future(agent.send_return_audio(speech(number))) for number in range(2_000)]
    await asyncio.sleep(0)
    assert await agent.flush_return_audio("alice")
    assert await agent.send_return_audio(speech(5_000))
    await asyncio.gather(*sends)
    cancelled = "speech cancelled by a flush"
    await eventually(lambda: hub.stats().counters.get(cancelled, 0) + len(heard) == 2_002)
    assert heard.count("flush") == 1
    assert heard[heard.index("flush") + 1 :] == [5_000]
    assert hub.stats().counters[cancelled] > 0


async def test_a_flush_that_comes_late_does_not_silence_what_was_said_after_it(hub, stage, connector, eventually):
    agent, heard = await stage.agent(), []
    connector.on_return_audio(lambda chunk: heard.append(chunk.pts_us))
    connector.on_return_audio_flush(lambda _: heard.append("flush"))
    await agent.send_return_audio(speech(1))
    await eventually(lambda: heard == [1])
    late = agent._link.control.send_now
    kept: list[bytes] = []
    agent._link.control.send_now = lambda frame: not kept.append(frame)
    await agent.flush_return_audio("alice")
    await agent.send_return_audio(speech(2))
    await eventually(lambda: heard == [1, "flush", 2])
    agent._link.control.send_now = late
    assert late(kept[0])
    await agent.send_return_audio(speech(3))
    await eventually(lambda: heard[-1] == 3)
    assert heard == [1, "flush", 2, 3]


def test_every_order_of_speech_and_flush_is_judged():
    utterances = Utterances()
    assert utterances.on_speech("a", "alice", 4) is Verdict.SPEAK
    assert utterances.on_flush("a", "alice", 5)
    assert not utterances.on_flush("a", "alice", 5)
    assert utterances.on_speech("a", "alice", 4) is Verdict.LATE
    assert utterances.on_speech("a", "alice", 6) is Verdict.FLUSH_FIRST
    assert not utterances.on_flush("a", "alice", 6)
    assert utterances.on_speech("b", "alice", 0) is Verdict.SPEAK
    utterances.drop_agent("a")
    utterances.drop_participant("alice")
    assert utterances._current == {}


# --- nobody asks or reads in another's name ---


async def test_nobody_speaks_on_a_control_channel_in_anothers_name(stage, hub, connector, eventually):
    honest = await stage.agent()
    await push(connector)
    held = await honest.request_frame(TRACK, copy=False)
    intruder = zmq.Context.instance().socket(zmq.DEALER)
    try:
        intruder.setsockopt(zmq.IDENTITY, b"0123456789abcdef")
        intruder.connect(hub._sockets.control_addresses[0])
        for message_type, message in (
            (MsgType.FRAME_ASK, FrameAsk(honest._agent_id, 1, "alice", "v", 0, True, (1, 2, 3))),
            (MsgType.SPEECH_FLUSH, SpeechFlush(honest._agent_id, 99, "alice")),
            (MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush("alice")),
        ):
            intruder.send(encode(message_type, message))
        counters = lambda: hub.stats().counters  # noqa: E731
        await eventually(lambda: counters().get("message in another's name") == 2)
        await eventually(lambda: counters().get("unexpected message") == 1)
        assert not intruder.poll(0)
    finally:
        intruder.close(linger=0)
    assert held.data[0] == 0


async def test_an_identity_that_is_taken_is_not_given_twice(stage, hub, connector):
    honest = await stage.agent()
    thief = zmq.Context.instance().socket(zmq.DEALER)
    try:
        thief.setsockopt(zmq.IDENTITY, honest._agent_id.encode())
        thief.connect(hub._sockets.control_addresses[0])
        await push(connector)
        for _ in range(20):
            assert await honest.request_frame(TRACK) is not None
        assert not thief.poll(0)
    finally:
        thief.close(linger=0)


def test_the_sockets_beside_the_contract_s_are_private_too(tmp_path: Path):
    from xr_ai_agent import HubEndpoint

    hub = HubEndpoint(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub")
    try:
        for name in ("in", "pub", "pub.video", "pub.control"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    finally:
        hub.close()
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


# --- loss is counted ---


def test_what_came_is_compared_with_what_was_sent():
    losses = LossCounter(logging.getLogger("test"))
    stream_loss = StreamLoss(losses)
    for sent, received, lost in ((100, 3, 0), (110, 10, 0), (120, 4, 6), (125, 5, 6), (1, 1, 6), (11, 10, 6)):
        for _ in range(received):
            stream_loss.received(b"audio.alice.")
        stream_loss.announced(((b"audio.alice.", sent), (b"audio.bob.", 77)))
        assert losses.counts.get("audio lost", 0) == lost


async def test_a_hub_shows_what_each_agent_lost(stage, hub, connector, eventually):
    agent = await stage.agent(name="listener")
    await eventually(lambda: [a.name for a in hub.stats().agents] == ["listener"])
    await connector.push_data(DataMessage("alice", "t", 1, b""))
    publish = hub._sockets.pub.send
    await eventually(lambda: agent._media.loss._streams.get(b"data.alice.") is not None)
    await eventually(lambda: agent._media.loss._streams[b"data.alice."].announced == 1)
    # As ZeroMQ does to a subscriber whose queue is full: two of three never leave.
    hub._core._publish = lambda topic, frame: None
    for _ in range(2):
        await connector.push_data(DataMessage("alice", "t", 1, b""))
    hub._core._publish = publish
    await connector.push_data(DataMessage("alice", "t", 1, b""))
    await eventually(lambda: agent.losses.get("data lost") == 2)
    await eventually(lambda: hub.stats().agents[0].lost.get("data lost") == 2)
    agent.close()
    await eventually(lambda: hub.stats().agents == ())


async def test_a_filter_that_changes_is_no_loss(stage, hub, connector, eventually):
    agent = await stage.agent()
    for flags in (Subscribe.ALL, Subscribe.AUDIO, Subscribe.ALL, Subscribe.DATA):
        agent.subscribe("alice", filter=flags)
        await agent.wait_subscribed()
        for _ in range(5):
            await connector.push_data(DataMessage("alice", "t", 1, b""))
            await connector.push_audio(speech(1))
        hub._core.heartbeat()
        await agent.wait_subscribed()
    hub._core.heartbeat()
    await agent.wait_subscribed()
    assert agent.losses == {}


async def test_a_hub_that_announces_nonsense_is_served_through_the_contract_s_sockets(stage, connector, eventually):
    agent, seen = await stage.agent(), []
    agent.on_frame(lambda signal: seen.append(signal.seq))
    await agent._link.follow(HubWelcome(2, "x", (), ("ipc://" + "x" * 200,), ("ipc://" + "y" * 200,)))
    assert agent.losses["announced address unusable"] == 1
    assert not agent._link.control.is_open
    assert not agent._link.video.is_live
    await agent.wait_subscribed()
    await push(connector)
    await eventually(lambda: seen)
    heard: list = []
    connector.on_return_audio(heard.append)
    assert await agent.send_return_audio(speech(1))
    await eventually(lambda: heard)
