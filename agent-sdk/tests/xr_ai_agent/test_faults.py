"""What goes wrong in real life, with real processes: kills, restarts, bursts, floods, toggles, late frames."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from xr_ai_agent import (
    AudioChunk,
    ConnectorRegistration,
    DataMessage,
    FrameRequest,
    HubEndpoint,
    MsgType,
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    RingFullError,
    encode,
)
from xr_ai_agent._frames.shm import shm_root
from xr_ai_agent._wire.messages import RosterQuery

pytestmark = pytest.mark.anyio

FRAME = bytes(range(24))

PROGRAMS = {
    "hub": """
        hub = HubEndpoint(pull, pub)
        print("ready", flush=True)
        await hub.run()
    """,
    "agent": """
        agent = ProcessorEndpoint(pub, pull)
        task = asyncio.create_task(agent.run())
        await agent.wait_connected()
        async with agent.borrow_frame(FrameRequest("alice", "v"), lease=600) as frame:
            print("ready", frame.seq, flush=True)
            await asyncio.sleep(600)
    """,
    "slow agent": """
        agent = ProcessorEndpoint(pub, pull)
        seen = []
        agent.on_frame(lambda s: seen.append(s.seq))
        task = asyncio.create_task(agent.run())
        await agent.wait_connected()
        while not seen:
            await asyncio.sleep(0.001)
        print("ready", flush=True)
        newest = int(sys.stdin.readline())  # blocks the loop, as a heavy computation would
        seen.clear()
        while not seen or seen[-1] < newest:
            await asyncio.sleep(0.001)
        print(len(seen), agent.frames_missed, flush=True)
    """,
    "connector": """
        connector = ConnectorEndpoint(pull, pub, "child", num_slots=4, max_frame_bytes=4096)
        task = asyncio.create_task(connector.run())
        await connector.register()
        await connector.wait_connected()
        await connector.notify_participant_joined("alice", 1)
        print(f"ready {connector._frames.shm_name}".strip(), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        while True:
            await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 1, bytes(24))
            await asyncio.sleep(0.01)
    """,
    "listener": """
        connector = ConnectorEndpoint(pull, pub, "child", num_slots=4, max_frame_bytes=4096)
        heard = []
        connector.on_return_audio(lambda chunk: heard.append("audio"))
        connector.on_return_audio_flush(lambda flush: heard.append("flush"))
        connector.on_return_data(lambda message: heard.append(message.topic))
        task = asyncio.create_task(connector.run())
        await connector.register()
        await connector.wait_connected()
        await connector.notify_participant_joined("alice", 1)
        print("ready", flush=True)
        streams = connector._returns._loss._streams
        while not any(stream.announced is not None for stream in streams.values()):
            await asyncio.sleep(0.001)
        heard.clear()
        print("counting", flush=True)
        total, flushes = map(int, (await asyncio.to_thread(sys.stdin.readline)).split())
        lost = silenced = 0
        while heard.count("audio") + lost + silenced < total or heard.count("flush") < flushes:
            await asyncio.sleep(0.01)
            lost = connector.losses.get("return_audio lost", 0)
            silenced = connector.losses.get("speech cancelled by a flush", 0)
        before = heard.index("flush") if flushes else 0
        print(before, heard.count("audio"), silenced, lost, flush=True)
        while "end" not in heard:
            await asyncio.sleep(0.01)
        print(heard.count("flush"), flush=True)
        await asyncio.sleep(600)
    """,
    "burst": """
        agent = ProcessorEndpoint(pub, pull)
        task = asyncio.create_task(agent.run())
        await agent.wait_connected()
        chunk = AudioChunk(1, 48_000, 1, 480, bytes(1920), "alice", "r")
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for number in range(10_000):
            await agent.send_return_audio(chunk)
        await agent.flush_return_audio("alice")
        await asyncio.sleep(600)
    """,
}


@contextlib.contextmanager
def child(
    stage, name: str, deadline_s: float = 20.0, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run one of the programs above in a process of its own, until it says that it is ready."""
    body = "\n".join(line[8:] for line in PROGRAMS[name].splitlines())
    code = (
        "import asyncio, sys\nfrom xr_ai_agent import *\n\nasync def main():\n    pull, pub = sys.argv[1:]\n"
        + "\n".join("    " + line for line in body.splitlines())
        + "\n\nasyncio.run(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, stage.pull, stage.pub],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )
    try:
        assert process.stdout is not None
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(deadline_s)
        process.stdin.close()
        process.stdout.close()


async def ready(process: subprocess.Popen[str]) -> str:
    """Wait for the child's next line without blocking this loop, which may be the hub's."""
    async with asyncio.timeout(30):
        return (await asyncio.to_thread(process.stdout.readline)).strip()


def go(process: subprocess.Popen[str], line: str = "") -> None:
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


async def _push_frame(connector, track: str = "v", participant_id: str = "alice") -> int:
    return await connector.push_frame(participant_id, track, PixelFormat.I420, 4, 4, 1, FRAME)


async def test_an_agent_killed_while_it_holds_a_frame_gives_it_back(stage, eventually):
    hub = stage.hub()
    connector = hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    await _push_frame(connector)
    with child(stage, "agent") as process:
        assert await ready(process) == "ready 1"
        assert hub.stats().peers == 1
        leases = hub._core.frames._leases
        assert sum(map(len, leases.values())) == 1
        process.kill()
        await eventually(lambda: hub.stats().peers == 0 and not any(leases.values()))
    agent = await stage.agent()
    for _ in range(30):
        await _push_frame(connector)
    assert (await agent.request_frame(FrameRequest("alice", "v"))).seq == 31


async def test_a_stalled_agent_skips_to_the_newest_frame_and_delays_no_other(stage, eventually):
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    quick, seen = await stage.agent(), []
    quick.on_frame(lambda s: seen.append(s.seq))
    with child(stage, "slow agent") as process:
        line = asyncio.ensure_future(ready(process))
        while not line.done():
            await _push_frame(connector)
            await asyncio.sleep(0.005)
        for _ in range(120):
            for _ in range(50):
                newest = await _push_frame(connector)
            # No faster than the quick one's socket takes it on a machine that is busy with other things.
            await eventually(lambda newest=newest: seen and seen[-1] >= newest)
        assert len(seen) == newest
        process.stdin.write(f"{newest}\n")
        process.stdin.flush()
        shown, missed = map(int, (await ready(process)).split())
    # The newest at once; or, where catching up takes long, one each second on the way there.
    assert shown <= 20
    assert missed > 5_000


async def test_a_restarted_hub_is_found_again_by_connector_and_agent(stage, eventually):
    connector = None
    with child(stage, "hub") as first:
        await ready(first)
        connector = await stage.connector(num_slots=2)
        await connector.notify_participant_joined("alice", 1)
        agent, signals, events = await stage.agent(), [], []
        agent.on_frame(signals.append)
        await eventually(lambda: agent.connected_participants == {"alice"})
        agent.on_participant(events.append)
        await _push_until_seen(connector, signals)
        first.kill()
        first.wait()
        # Nobody frees the slots now: the ring fills up and says so.
        with contextlib.suppress(RingFullError):
            for _ in range(2):
                await _push_frame(connector)
        with pytest.raises(RingFullError):
            await _push_frame(connector)
    with child(stage, "hub") as second:
        await ready(second)
        async with asyncio.timeout(30):
            await agent.wait_subscribed()
        await eventually(lambda: agent.connected_participants == {"alice"})
        signals.clear()
        await _push_until_seen(connector, signals)
        frame = await agent.request_frame(signals[-1])
        assert frame.data == FRAME
        assert agent.connected_participants == {"alice"}
        # The participant never left; at most the new hub said so before it knew.
        assert [e.joined for e in events] in ([], [False, True])


async def _push_until_seen(connector, signals: list) -> None:
    async with asyncio.timeout(30):
        while not signals:
            with contextlib.suppress(RingFullError):
                await _push_frame(connector)
            await asyncio.sleep(0.01)


async def test_the_participants_of_a_killed_connector_leave_and_its_ring_is_let_go(stage, eventually):
    hub = stage.hub()
    agent = await stage.agent()
    with child(stage, "connector") as process:
        ring = shm_root() / (await ready(process)).removeprefix("ready ")
        assert ring.exists()
        await eventually(lambda: agent.connected_participants == {"alice"})
        process.kill()
        await eventually(lambda: not agent.connected_participants and hub.stats().peers == 1)
    # Its ring is removed by whoever makes the next one, be it a test that runs beside this one.
    await stage.connector("next")
    assert not ring.exists()


async def test_who_falls_silent_on_another_machine_has_left_and_is_back_when_it_speaks_again(
    stage, access, eventually, monkeypatch
):
    """A connector is stopped in its tracks, as by a cut cable: its sockets stay open."""
    monkeypatch.setattr("xr_ai_agent._net.curve.HEARTBEAT_MS", 100)
    monkeypatch.setattr("xr_ai_agent._net.curve.SILENCE_MAX_MS", 4_000)
    hub = stage.hub(remote=access.settings)
    agent, signals = await stage.agent(), []
    agent.on_frame(signals.append)
    keys = access.admit("far")
    environment = {"XR_HUB_CLIENT_KEY": str(keys.client_key), "XR_HUB_SERVER_KEY": str(keys.server_key)}
    with child(hub.remote_addresses, "connector", environment=environment) as process:
        assert await ready(process) == "ready"
        await eventually(lambda: hub.connected_participants == {"alice"})
        process.send_signal(signal.SIGSTOP)
        await eventually(lambda: not hub.connected_participants, within_s=30)
        process.send_signal(signal.SIGCONT)
        await eventually(lambda: hub.connected_participants == {"alice"}, within_s=30)
        go(process)
        await eventually(lambda: signals, within_s=30)
        assert agent.connected_participants == {"alice"}


async def test_a_connector_whose_connection_broke_is_back_with_its_ring_and_its_people(stage, eventually):
    """Those who left meanwhile are gone, whoever came is here, and no slot of the ring stays lost."""
    hub = stage.hub()
    connector, signals = await stage.connector(num_slots=2), []
    for participant_id in ("alice", "bob"):
        await connector.notify_participant_joined(participant_id, 1)
    await eventually(lambda: hub.connected_participants == {"alice", "bob"})
    connector._link._sub.socket.disconnect(stage.pub)
    await eventually(lambda: not hub.connected_participants)
    await connector.notify_participant_left("bob", 2)
    # The hub knows no ring of theirs now, so nobody frees what is in it.
    for _ in range(2):
        await _push_frame(connector)
    with pytest.raises(RingFullError):
        await _push_frame(connector)
    agent = await stage.agent()
    agent.on_frame(signals.append)
    connector._link._sub.socket.connect(stage.pub)
    await eventually(lambda: hub.connected_participants == {"alice"})
    await _push_until_seen(connector, signals)
    for _ in range(8):
        await _push_waiting(connector)
    assert agent.connected_participants == {"alice"}


async def test_a_leave_that_was_lost_with_a_connection_is_told_with_the_next_welcome(stage, eventually):
    hub = stage.hub()
    connector = await stage.connector()
    for participant_id in ("alice", "bob"):
        await connector.notify_participant_joined(participant_id, 1)
    await eventually(lambda: hub.connected_participants == {"alice", "bob"})
    # Told into a connection that broke; the new one was there before the hub noticed the end of the old one.
    connector._roster.apply(ParticipantEvent("alice", False, 2, "c1"))
    connector._link.sender.send_now(encode(MsgType.ROSTER_QUERY, RosterQuery("c1")))
    await eventually(lambda: hub.connected_participants == {"bob"})


async def test_joins_and_leaves_reach_a_hub_that_took_nothing_for_longer_than_their_callers_waited(
    stage, eventually, monkeypatch
):
    monkeypatch.setattr("xr_ai_agent._connector.announcer._PATIENCE_S", 0.1)
    monkeypatch.setattr("xr_ai_agent._connector.endpoint._SEND_TIMEOUT_S", 0.1)
    with child(stage, "hub") as process:
        await ready(process)
        connector, agent, heard = await stage.connector(), await stage.agent(), []
        agent.on_data(heard.append)
        await connector.notify_participant_joined("alice", 1)
        await eventually(lambda: agent.connected_participants == {"alice"})
        process.send_signal(signal.SIGSTOP)
        filler = encode(MsgType.DATA_MESSAGE, DataMessage("alice", "filler", 1, bytes(10_000)))
        # Its queue is full when nothing has found room for a while: the last messages move on to the socket's own.
        while await connector._link.sender.send(filler, "filler", 0.1):
            pass
        await connector.notify_participant_left("alice", 2)
        for participant_id, is_here in (("bob", True), ("carol", True), ("carol", False), ("alice", True)):
            notify = connector.notify_participant_joined if is_here else connector.notify_participant_left
            await notify(participant_id, 3)
        process.send_signal(signal.SIGCONT)
        await eventually(lambda: agent.connected_participants == {"alice", "bob"})
        await connector.push_data(DataMessage("alice", "last", 2, b""))
        await eventually(lambda: heard and heard[-1].topic == "last")
        assert agent.connected_participants == {"alice", "bob"}


async def test_who_leaves_while_their_join_is_being_told_leaves_no_ghost(stage, eventually):
    hub = stage.hub()
    connector, events = await stage.connector(), []
    hub.on_participant(lambda event: events.append((event.participant_id, event.joined)))
    # The join waits until the hub sees its subscriptions, and the answer to that is not read.
    connector._link._sub.stop()
    joining = asyncio.ensure_future(connector.notify_participant_joined("alice", 1))
    await eventually(lambda: connector._link._markers.is_waiting)
    await connector.notify_participant_left("alice", 2)
    connector._link._sub.start()
    await joining
    await connector.notify_participant_joined("bob", 1)
    await eventually(lambda: ("bob", True) in events)
    assert hub.connected_participants == {"bob"}


async def test_the_join_of_a_connector_that_died_while_it_was_on_its_way_makes_no_ghost(stage, eventually):
    hub = stage.hub()
    await stage.connector("living")
    with contextlib.ExitStack() as sockets:
        push = sockets.enter_context(zmq.Context.instance().socket(zmq.PUSH))
        push.connect(stage.pull)

        def join(participant_id: str, connector_id: str) -> None:
            push.send(encode(MsgType.PARTICIPANT_EVENT, ParticipantEvent(participant_id, True, 1, connector_id)))

        def open_inbox() -> zmq.Socket[bytes]:
            inbox = sockets.enter_context(zmq.Context.instance().socket(zmq.SUB))
            inbox.connect(stage.pub)
            inbox.subscribe(b"_inbox.dead.")
            return inbox

        inbox = open_inbox()
        await eventually(lambda: hub.stats().peers == 2)
        inbox.close()
        await eventually(lambda: hub.stats().peers == 1)
        # As if it had sent this before, and a busy hub had not read it yet.
        join("ghost", "dead")
        join("late", "living")
        await eventually(lambda: hub.connected_participants)
        assert hub.connected_participants == {"late"}
        assert hub.stats().counters == {"connector gone before its message": 1}
        # One of the same id that comes later is another one.
        open_inbox()
        await eventually(lambda: hub.stats().peers == 2)
        join("alice", "dead")
        await eventually(lambda: hub.connected_participants == {"late", "alice"})


async def test_whom_another_connector_took_over_is_not_taken_back_by_a_new_connection(stage, eventually):
    hub = stage.hub()
    first, second = await stage.connector("first"), await stage.connector("second")
    for connector in (first, second):
        await connector.notify_participant_joined("alice", 1)
        await eventually(lambda connector=connector: hub._core.roster.connector_of("alice") == connector.connector_id)
    first._link._sub.socket.disconnect(stage.pub)
    await eventually(lambda: hub.stats().peers == 1)
    first._link._sub.socket.connect(stage.pub)
    await first.notify_participant_joined("bob", 1)
    await eventually(lambda: "bob" in hub.connected_participants and hub.stats().peers == 2)
    await eventually(lambda: first._announcer._questions == 2 and first._announcer._answer.done())
    assert hub._core.roster.connector_of("alice") == "second"


async def test_a_killed_hub_leaves_no_memory_behind_for_long(stage):
    code = (
        "import asyncio, os, sys; from xr_ai_agent import *\n"
        "async def main():\n"
        "    hub = HubEndpoint(*sys.argv[1:])\n"
        "    connector = hub.connect_local('lk')\n"
        "    await connector.notify_participant_joined('a', 1)\n"
        "    await connector.push_frame('a', 'v', PixelFormat.I420, 4, 4, 1, bytes(24))\n"
        "    print(hub._core.frames._folder.path, flush=True)\n"
        "    os._exit(9)\n"
        "asyncio.run(main())"
    )
    arguments = [sys.executable, "-c", code, stage.pull, stage.pub]
    died = await asyncio.to_thread(subprocess.run, arguments, check=False, capture_output=True, text=True)
    assert died.returncode == 9
    left = Path(died.stdout.strip())
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("a", 1)
    await _push_frame(connector, participant_id="a")
    assert not left.exists()


def silenced(hub) -> int:
    return hub.stats().counters.get("speech cancelled by a flush", 0)


async def test_a_burst_of_10000_chunks_loses_nothing_and_its_flush_comes_at_once_and_last(stage, eventually):
    hub = stage.hub()
    connector, got = hub.connect_local("lk"), []
    connector.on_return_audio(lambda chunk: got.append("audio"))
    connector.on_return_audio_flush(lambda flush: got.append("flush"))
    await connector.notify_participant_joined("alice", 1)
    with child(stage, "burst") as process:
        assert await ready(process) == "ready"
        go(process)
        # Every chunk is heard, or was overtaken and silenced by the flush; none is lost and none comes after it.
        await eventually(lambda: "flush" in got and len(got) - 1 + silenced(hub) == 10_000)
    assert (got.count("flush"), got.index("flush")) == (1, len(got) - 1)
    # What the sockets hold: 1000 messages where the hub reads, 128 where they are sent, and the system's buffers.
    assert silenced(hub) < 2_000


async def test_the_loop_of_the_hub_stays_free_during_a_burst(stage, eventually):
    hub = stage.hub()
    connector = hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    got, turns = [], 0
    connector.on_return_audio(lambda chunk: got.append(turns))
    with child(stage, "burst") as process:
        await ready(process)
        go(process)
        async with asyncio.timeout(30):
            while len(got) + silenced(hub) < 10_000:
                turns += 1
                await asyncio.sleep(0)
    longest = max(got.count(turn) for turn in set(got))
    assert longest <= 256


CHUNK = AudioChunk(1, 48_000, 1, 480, bytes(1920), "alice", "r")


def passed_on(hub) -> int:
    """How many chunks the hub published for the connector in another process, but for the first."""
    return hub._core._streams._counts["alice"][b"return_audio"] - 1


@contextlib.asynccontextmanager
async def listener(stage, agent, eventually):
    """A connector in a process of its own, which has heard of the first chunk and counts from here on."""
    with child(stage, "listener") as process:
        assert await ready(process) == "ready"
        await eventually(lambda: agent.connected_participants == {"alice"})
        await agent.send_return_audio(CHUNK)
        assert await ready(process) == "counting"
        yield process


async def test_a_flush_is_ahead_of_the_speech_that_a_busy_connector_process_has_not_read(stage, eventually):
    hub, agent = stage.hub(), await stage.agent()
    async with listener(stage, agent, eventually) as process:
        process.send_signal(signal.SIGSTOP)
        for _ in range(5_000):
            assert await agent.send_return_audio(CHUNK)
        await eventually(lambda: passed_on(hub) == 5_000)
        assert await agent.flush_return_audio("alice")
        await eventually(lambda: hub._core._returns._flushes)
        assert await agent.send_return_data(DataMessage("alice", "end", 1, b""))
        process.send_signal(signal.SIGCONT)
        go(process, "5000 1")
        before, heard, silenced, lost = map(int, (await ready(process)).split())
        assert (heard + silenced, lost) == (5_000, 0)
        # What the first turns of its loop read, more where it is held up; nothing after the flush, which is told once.
        assert heard == before <= 4_000
        assert await ready(process) == "1"


async def test_of_10000_chunks_to_a_connector_process_none_is_lost_and_none_is_heard_after_the_flush(stage, eventually):
    hub, agent = stage.hub(), await stage.agent()
    async with listener(stage, agent, eventually) as process:
        for _ in range(10_000):
            assert await agent.send_return_audio(CHUNK)
        assert await agent.flush_return_audio("alice")
        await eventually(lambda: passed_on(hub) + silenced(hub) == 10_000)
        await agent.send_return_data(DataMessage("alice", "end", 1, b""))
        go(process, f"{passed_on(hub)} 1")
        before, heard, cancelled, lost = map(int, (await ready(process)).split())
        assert heard + cancelled + lost == passed_on(hub)
        assert heard == before
        assert await ready(process) == "1"
        assert lost == 0


async def test_what_a_connector_process_did_not_get_is_counted_there(stage, eventually):
    hub, agent = stage.hub(), await stage.agent()
    async with listener(stage, agent, eventually) as process:
        process.send_signal(signal.SIGSTOP)
        for _ in range(14_000):
            assert await agent.send_return_audio(CHUNK)
        await eventually(lambda: passed_on(hub) == 14_000)
        process.send_signal(signal.SIGCONT)
        go(process, "14000 0")
        _, heard, silenced, lost = map(int, (await ready(process)).split())
        assert lost > 0
        assert (heard + lost, silenced) == (14_000, 0)


async def _push_waiting(connector, track: str = "v", participant_id: str = "alice") -> int:
    """Push as a camera does that retries for a while: with a leaked slot this never succeeds."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await _push_frame(connector, track, participant_id)
            except RingFullError:
                await asyncio.sleep(0.001)


async def test_a_thousand_camera_toggles_leave_no_slot_and_no_memory(stage, eventually):
    hub = stage.hub()
    local, external = hub.connect_local("lk"), await stage.connector(num_slots=2)
    await local.notify_participant_joined("alice", 1)
    await external.notify_participant_joined("bob", 1)
    for number in range(500):
        await _push_frame(local, f"TR_{number}")
        await local.end_track("alice", f"TR_{number}")
        await _push_waiting(external, f"TR_{number}", "bob")
        await external.end_track("bob", f"TR_{number}")
    await eventually(lambda: hub.stats().video_tracks == 0)
    assert hub.stats().ring_bytes == 0


async def test_32_tracks_through_a_ring_of_four_slots_all_get_through(stage, eventually):
    hub = stage.hub()
    connector = await stage.connector(num_slots=4)
    agent, seen = await stage.agent(), set()
    agent.on_frame(lambda s: seen.add((s.participant_id, s.seq)))
    for number in range(32):
        await connector.notify_participant_joined(f"p{number}", 1)
    for _ in range(5):
        for number in range(32):
            await _push_waiting(connector, "v", f"p{number}")
    await eventually(lambda: len(seen) == 160)
    assert hub.stats().video_tracks == 32


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"\xfe\x90", os.urandom(200), b"\x01\x99\x00", b"\x24\x90", b"\x25\x92\xa1x\x01"],
    ids=["empty", "unknown id", "random", "truncated", "not for the hub", "unknown lease"],
)
async def test_rubbish_on_the_inlet_is_logged_once_and_the_hub_goes_on(stage, eventually, caplog, rubbish):
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    push = zmq.Context.instance().socket(zmq.PUSH)
    push.connect(stage.pull)
    for _ in range(100):
        push.send(rubbish)
    push.send(encode(MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush("alice")))
    flushed = []
    connector.on_return_audio_flush(flushed.append)
    await eventually(lambda: flushed)
    push.close(0)
    assert len([r for r in caplog.records if r.levelname in ("WARNING", "ERROR")]) <= 1
    assert sum(len(r.getMessage()) for r in caplog.records) < 1000


async def test_a_connector_with_a_wrong_ring_hurts_only_itself(stage, eventually):
    hub = stage.hub()
    good = await stage.connector()
    push = zmq.Context.instance().socket(zmq.PUSH)
    push.connect(stage.pull)
    for name in ("../../etc/passwd", "xr_no_such_ring", "xr/conn"):
        push.send(encode(MsgType.CONNECTOR_REGISTER, ConnectorRegistration("bad", name)))
    await good.notify_participant_joined("alice", 1)
    await eventually(lambda: hub.connected_participants == {"alice"})
    counters = hub.stats().counters
    assert (counters["invalid id"], counters["frame lost"]) == (2, 1)
    push.close(0)


async def test_a_large_data_message_arrives_whole_and_a_too_large_one_costs_nothing(stage, eventually):
    hub = stage.hub(data_max_bytes=1_000_000)
    connector = await stage.connector()
    await connector.notify_participant_joined("alice", 1)
    agent, got = await stage.agent(), []
    agent.on_data(got.append)
    await connector.push_data(DataMessage("alice", "t", 1, os.urandom(1_000_000)))
    await connector.push_data(DataMessage("alice", "t", 2, os.urandom(1_000_001)))
    await connector.push_data(DataMessage("alice", "t", 3, b""))
    await eventually(lambda: len(got) == 2)
    assert [(m.pts_us, len(m.data)) for m in got] == [(1, 1_000_000), (3, 0)]
    assert hub.stats().counters == {"oversized data dropped": 1}


@pytest.mark.parametrize("order", ["run first", "close first"])
async def test_a_hub_that_closes_ends_its_run_and_removes_its_memory(tmp_path: Path, order):
    hub = HubEndpoint(f"ipc://{tmp_path}/in2", f"ipc://{tmp_path}/pub2")
    serving = asyncio.create_task(hub.run())
    connector = hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    await _push_frame(connector)
    folder = hub._core.frames._folder.path
    assert folder.exists()
    if order == "run first":
        await asyncio.sleep(0)
    hub.close()
    hub.close()
    async with asyncio.timeout(30):
        await serving
    assert not folder.exists()


async def test_endpoints_that_are_closed_refuse_quietly(stage):
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    await _push_frame(connector)
    agent, external = await stage.agent(), await stage.connector()
    async with agent.borrow_frame(FrameRequest("alice", "v")) as frame:
        agent.close()
        assert bytes(frame.data) == FRAME
    assert await agent.send_return_data(DataMessage("alice", "t", 1, b"")) is False
    assert await agent.request_frame(FrameRequest("alice", "v")) is None
    await agent.run()
    external.close()
    await external.push_data(DataMessage("alice", "t", 1, b""))
    await external.run()
