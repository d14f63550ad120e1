"""Who hears what: participant → hub → agents → hub → the same participant, and nobody else."""

import asyncio
import socket

import msgpack
import pytest

from xr_ai_agent import (
    AddressInUseError,
    AudioChunk,
    Connector,
    ConnectorEndpoint,
    DataMessage,
    HubEndpoint,
    InvalidIdError,
    LocalConnector,
    MalformedMessageError,
    PixelFormat,
    ReturnAudioFlush,
)

pytestmark = pytest.mark.anyio

FRAME = bytes(range(24))


def _audio(participant_id: str, samples: int = 2, pts_us: int = 1) -> AudioChunk:
    return AudioChunk(pts_us, 48_000, 1, samples, bytes(4 * samples), participant_id, "mic")


def _collect(connector: Connector) -> list:
    got: list = []
    connector.on_return_audio(got.append)
    connector.on_return_data(got.append)
    connector.on_return_audio_flush(got.append)
    return got


@pytest.fixture(params=["local", "external", "remote"])
async def connector(request, stage, access):
    """The same promises hold for a transport in the hub's process, in another one, and on another machine."""
    hub = stage.hub(remote=access.settings if request.param == "remote" else None)
    stage.the_hub = hub
    if request.param == "local":
        connector = hub.connect_local("lk")
        assert isinstance(connector, LocalConnector)
    elif request.param == "remote":
        connector = stage.start(access.connector(hub, "lk"))
        async with asyncio.timeout(20):
            await connector.wait_connected()
    else:
        connector = await stage.connector()
        assert isinstance(connector, ConnectorEndpoint)
    assert isinstance(connector, Connector)
    return connector


async def test_everything_a_participant_sends_reaches_every_agent_intact(stage, connector, eventually):
    agents = [await stage.agent() for _ in range(2)]
    seen: list[list] = [[], []]
    for agent, got in zip(agents, seen, strict=True):
        for register in (agent.on_participant, agent.on_data, agent.on_audio, agent.on_frame):
            register(got.append)
    await connector.notify_participant_joined("alice", 11)
    # At once: whatever is sent right after a join arrives, for agents subscribe before anyone joins.
    await connector.push_data(DataMessage("alice", "chat", 5, b"hello"))
    await connector.push_audio(_audio("alice"))
    await connector.push_frame("alice", "TR_1", PixelFormat.I420, 4, 4, 7, FRAME)
    await connector.notify_participant_left("alice", 12)
    await eventually(lambda: all(len(got) == 5 for got in seen))
    for got in seen:
        joined, data, audio, left = (m for m in got if type(m).__name__ != "FrameSignal")
        assert (joined.participant_id, joined.joined, joined.pts_us) == ("alice", True, 11)
        assert data == DataMessage("alice", "chat", 5, b"hello")
        assert audio == _audio("alice")
        assert (left.joined, left.pts_us) == (False, 12)
        signal = next(m for m in got if type(m).__name__ == "FrameSignal")
        assert (signal.seq, signal.pts_us, signal.width, signal.data_sz, signal.track_id) == (1, 7, 4, 24, "TR_1")


async def test_answers_reach_their_participant_alone(stage, connector, eventually):
    got = _collect(connector)
    for participant_id in ("alice", "alice2", "bob"):
        await connector.notify_participant_joined(participant_id, 1)
    agent = await stage.agent()
    await eventually(lambda: len(agent.connected_participants) == 3)
    await agent.send_return_data(DataMessage("alice", "t", 1, b"x"))
    await agent.send_return_audio(_audio("bob"))
    await agent.flush_return_audio("alice2")
    await eventually(lambda: len(got) == 3)
    # A flush may be ahead of the rest.
    assert all(m in got for m in (DataMessage("alice", "t", 1, b"x"), _audio("bob"), ReturnAudioFlush("alice2")))


async def test_speech_after_a_flush_is_heard_after_it_however_often(stage, connector, eventually):
    got = _collect(connector)
    await connector.notify_participant_joined("alice", 1)
    agent = await stage.agent()
    for turn in range(5):
        await agent.send_return_audio(_audio("alice", pts_us=turn))
        await eventually(lambda turn=turn: len(got) == 2 * turn + 1)
        await agent.flush_return_audio("alice")
        await eventually(lambda turn=turn: len(got) == 2 * turn + 2)
    assert got == [m for turn in range(5) for m in (_audio("alice", pts_us=turn), ReturnAudioFlush("alice"))]


async def test_who_comes_back_after_many_flushes_is_spoken_to(stage, eventually):
    """Also where the first connector was never told that another one had taken over."""
    stage.hub()
    first, second = await stage.connector("first"), await stage.connector("second")
    agent, joins = await stage.agent(), []
    agent.on_participant(lambda event: joins.append(event) if event.joined else None)
    got = {connector: _collect(connector) for connector in (first, second)}
    for turn, connector in enumerate((first, second, first)):
        heard = got[connector]
        heard.clear()
        await connector.notify_participant_joined("alice", 1)
        await eventually(lambda turn=turn: len(joins) == turn + 1)
        await agent.send_return_audio(_audio("alice", pts_us=turn))
        await eventually(lambda heard=heard, turn=turn: _audio("alice", pts_us=turn) in heard)
        for _ in range(3):
            await agent.flush_return_audio("alice")
        await eventually(lambda heard=heard: heard.count(ReturnAudioFlush("alice")) >= 3)


async def test_an_answer_sent_the_moment_somebody_joins_arrives(stage, connector, eventually):
    got = _collect(connector)
    agent = await stage.agent()

    async def greet(event) -> None:
        await agent.send_return_data(DataMessage(event.participant_id, "hello", 1, b""))

    agent.on_participant(greet)
    for number in range(20):
        await connector.notify_participant_joined(f"p{number}", 1)
    await eventually(lambda: len(got) == 20)


async def test_an_answer_on_its_way_to_who_has_left_is_not_given_to_who_comes_back(stage, eventually):
    hub = stage.hub()
    connector, agent = await stage.connector(), await stage.agent()
    got = _collect(connector)
    await connector.notify_participant_joined("alice", 1)
    await eventually(lambda: agent.connected_participants)
    connector._link._sub.stop()
    published = hub.stats().published
    await agent.send_return_data(DataMessage("alice", "t", 1, b"old"))
    await eventually(lambda: hub.stats().published > published)
    await connector.notify_participant_left("alice", 2)
    connector._link._sub.start()
    await connector._link._markers.wait()
    assert got == []


async def test_answers_go_only_to_the_connector_of_their_participant(stage, eventually):
    hub = stage.hub()
    connectors = [hub.connect_local("lk"), await stage.connector("c1"), await stage.connector("c2")]
    got = [_collect(connector) for connector in connectors]
    for number, connector in enumerate(connectors):
        await connector.notify_participant_joined(f"p{number}", 1)
    agent = await stage.agent()
    await eventually(lambda: len(agent.connected_participants) == 3)
    for number in range(3):
        await agent.send_return_data(DataMessage(f"p{number}", "t", 1, b"x"))
    await eventually(lambda: all(got))
    assert [[m.participant_id for m in messages] for messages in got] == [["p0"], ["p1"], ["p2"]]


async def test_answers_to_nobody_are_dropped_and_counted(stage, connector, eventually):
    got = _collect(connector)
    await connector.notify_participant_joined("alice", 1)
    agent = await stage.agent()
    await agent.send_return_data(DataMessage("mallory", "t", 1, b"x"))
    await agent.send_return_audio(_audio("mallory"))
    await agent.flush_return_audio("mallory")
    await agent.send_return_data(DataMessage("alice", "last", 1, b""))
    await eventually(lambda: got)
    assert [m.topic for m in got] == ["last"]
    counters = stage.the_hub.stats().counters
    for kind in ("return data", "return audio", "flush"):
        assert counters[f"{kind} of nobody dropped"] == 1


async def test_media_of_somebody_who_never_joined_goes_nowhere(stage, connector, eventually):
    agent = await stage.agent()
    agent.subscribe("ghost")
    heard: list = []
    agent.on_data(heard.append)
    agent.on_audio(heard.append)
    await connector.notify_participant_joined("alice", 1)
    await connector.push_data(DataMessage("ghost", "t", 1, b"boo"))
    await connector.push_audio(_audio("ghost"))
    assert await connector.push_frame("ghost", "v", PixelFormat.I420, 4, 4, 1, FRAME) == 0
    await eventually(lambda: stage.the_hub.stats().counters.get("audio of nobody dropped"))
    await connector.push_data(DataMessage("alice", "t", 1, b"hi"))
    await eventually(lambda: heard)
    assert [m.participant_id for m in heard] == ["alice"]


@pytest.mark.parametrize("bad", ["a.b", "../x", "my headset", "żółw", "", "a/b"])
async def test_an_id_that_would_leak_is_refused_where_it_enters(connector, bad):
    with pytest.raises(InvalidIdError):
        await connector.notify_participant_joined(bad, 1)


async def test_an_agent_that_listens_to_a_never_hears_a_b(stage, eventually):
    """Even from a connector that does not check: the hub does."""
    hub = stage.hub()
    connector = await stage.connector()
    agent = await stage.agent(auto_subscribe=False)
    agent.subscribe("a")
    heard: list = []
    agent.on_data(heard.append)
    forged = [(7, ["a.b", True, 1, "c1"]), (4, ["a.b", "t", 1, b"leak"])]
    await connector.notify_participant_joined("a", 1)
    await agent.wait_subscribed()
    for msg_type, fields in forged:
        assert connector._link.sender.send_now(bytes([msg_type]) + msgpack.packb(fields))
    await connector.push_data(DataMessage("a", "end", 1, b"end"))
    await eventually(lambda: heard)
    assert [m.data for m in heard] == [b"end"]
    assert hub.stats().counters["invalid id"] == 1
    assert hub.connected_participants == {"a"}


async def test_a_similar_name_is_another_person(stage, connector, eventually):
    agent = await stage.agent(auto_subscribe=False)
    agent.subscribe("alice")
    heard: list = []
    agent.on_data(heard.append)
    for participant_id in ("alice2", "alice"):
        await connector.notify_participant_joined(participant_id, 1)
    await agent.wait_subscribed()
    for participant_id in ("alice2", "alice"):
        await connector.push_data(DataMessage(participant_id, "t", 1, participant_id.encode()))
    await eventually(lambda: heard)
    assert [m.data for m in heard] == [b"alice"]


async def test_repeated_joins_and_roster_requests_make_no_second_callback(stage, connector, eventually):
    events: list = []
    agent = await stage.agent()
    agent.on_participant(events.append)
    await connector.notify_participant_joined("alice", 1)
    await connector.notify_participant_joined("alice", 2)
    await eventually(lambda: events)
    for _ in range(3):
        await agent.request_roster()
    # A v0.1 agent's request is answered on the common topic, which everyone sees.
    agent._link.sender.send_now(b"\x0c\x90")
    await connector.notify_participant_left("alice", 3)
    await eventually(lambda: len(events) == 2)
    assert [e.joined for e in events] == [True, False]


async def test_a_late_agent_learns_who_is_there_and_misses_nothing_after(stage, connector, eventually):
    await connector.notify_participant_joined("alice", 1)
    agent = await stage.agent()
    assert agent.connected_participants == agent.subscribed_participants == {"alice"}
    heard: list = []
    agent.on_data(heard.append)
    await connector.push_data(DataMessage("alice", "t", 1, b"first"))
    await eventually(lambda: heard)


async def test_order_is_kept_and_nothing_is_lost_with_four_participants_at_once(stage, connector, eventually):
    participants = [f"p{i}" for i in range(4)]
    for participant_id in participants:
        await connector.notify_participant_joined(participant_id, 1)
    agents = [await stage.agent() for _ in range(3)]
    heard: list[list[DataMessage]] = [[] for _ in agents]
    for agent, got in zip(agents, heard, strict=True):
        await eventually(lambda agent=agent: len(agent.connected_participants) == 4)
        agent.on_data(got.append)
    for number in range(25):
        for participant_id in participants:
            await connector.push_data(DataMessage(participant_id, "n", number, b""))
    await eventually(lambda: all(len(got) == 100 for got in heard))
    for got in heard:
        for participant_id in participants:
            assert [m.pts_us for m in got if m.participant_id == participant_id] == list(range(25))


async def test_wrong_sizes_are_refused_and_named(stage, connector, eventually):
    await connector.notify_participant_joined("alice", 1)
    await connector.push_audio(AudioChunk(1, 48_000, 2, 10, b"\0" * 10, "alice", "m"))
    await connector.push_data(DataMessage("alice", "t", 1, bytes(17 * 2**20)))
    counters = stage.the_hub.stats
    await eventually(lambda: counters().counters.get("oversized data dropped"))
    assert counters().counters["malformed audio dropped"] == 1


async def test_a_frame_of_the_wrong_size_is_refused_with_what_was_expected(stage):
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    with pytest.raises(MalformedMessageError, match="I420 4×4: 23 bytes, expected 24"):
        await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 1, FRAME[:-1])
    with pytest.raises(InvalidIdError, match="track id"):
        await connector.push_frame("alice", "a track", PixelFormat.I420, 4, 4, 1, FRAME)


async def test_control_reaches_everyone(stage, connector, eventually):
    agents = [await stage.agent() for _ in range(2)]
    got: list = []
    for agent in agents:
        agent.on_control(got.append)
    stage.the_hub.on_control(got.append)
    await agents[0].send_control("reload", {"what": "all"})
    await eventually(lambda: len(got) == 3)
    assert all((m.topic, m.payload) == ("reload", {"what": "all"}) for m in got)


async def test_a_second_hub_on_the_same_address_is_refused_and_the_first_goes_on(stage, eventually):
    hub = stage.hub()
    with pytest.raises(AddressInUseError, match="another hub serves this address"):
        HubEndpoint(stage.pull, stage.pub)
    connector = hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    agent = await stage.agent()
    assert agent.connected_participants == {"alice"}


async def test_sockets_of_any_program_count_as_in_use_not_only_those_of_our_hub(tmp_path):
    path = tmp_path / "in"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(AddressInUseError):
            HubEndpoint(f"ipc://{path}", f"ipc://{tmp_path}/pub")
        assert path.exists()


async def test_an_address_is_free_again_after_close_and_after_a_crash_of_the_last_hub(tmp_path):
    addresses = f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub"
    HubEndpoint(*addresses).close()
    # A dead hub leaves its socket files behind.
    (tmp_path / "in").touch()
    (tmp_path / "pub").touch()
    HubEndpoint(*addresses).close()


async def test_a_run_directory_and_its_sockets_are_private(tmp_path):
    folder = tmp_path / "run" / "hub"
    hub = HubEndpoint(f"ipc://{folder}/in", f"ipc://{folder}/pub")
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("in", "pub", "in.lock"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    hub.close()


async def test_a_connector_id_is_served_once(stage):
    hub = stage.hub()
    hub.connect_local("lk")
    with pytest.raises(InvalidIdError, match="taken"):
        hub.connect_local("lk")


async def test_hub_local_observers_see_what_agents_see_and_cannot_hurt(stage, connector, eventually):
    hub, seen = stage.the_hub, []

    async def fails(message) -> None:
        raise RuntimeError("observer is broken")

    for register in (hub.on_data, hub.on_audio, hub.on_participant, hub.on_frame):
        register(fails)
        register(seen.append)
    hub.on_frame(lambda view: seen.append(bytes(view.data)))
    await connector.notify_participant_joined("alice", 1)
    await connector.push_data(DataMessage("alice", "t", 1, b"x"))
    await connector.push_audio(_audio("alice"))
    await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 1, FRAME)
    await eventually(lambda: len(seen) == 5 and hub.stats().counters.get("callback failed") == 4)
    assert seen[-1] == FRAME


async def test_a_participant_taken_over_by_another_connector_answers_there(stage, eventually):
    hub = stage.hub()
    first, second = hub.connect_local("one"), hub.connect_local("two")
    got_first, got_second = _collect(first), _collect(second)
    await first.notify_participant_joined("alice", 1)
    await second.notify_participant_joined("alice", 2)
    # The first one's leave is old news.
    await first.notify_participant_left("alice", 3)
    agent = await stage.agent()
    assert agent.connected_participants == {"alice"}
    await agent.send_return_data(DataMessage("alice", "t", 1, b"x"))
    await eventually(lambda: got_second)
    assert got_first == []


async def test_a_closed_local_connector_takes_its_participants_with_it(stage, eventually):
    hub = stage.hub()
    connector = hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    agent = await stage.agent()
    connector.close()
    await eventually(lambda: not agent.connected_participants)
    hub.connect_local("lk")
