"""Agents on other machines: who has a key gets in, by TCP, and gets pixels addressed to them alone."""

import asyncio
import contextlib
import secrets
import stat
from dataclasses import replace

import pytest

from xr_ai_agent import (
    AddressInUseError,
    AudioChunk,
    CurveKeys,
    DataMessage,
    FrameData,
    FrameRequest,
    FrameTooLargeError,
    HubEndpoint,
    InsecureAddressError,
    KeyFileError,
    MalformedMessageError,
    MsgType,
    PixelFormat,
    ProcessorEndpoint,
    RemoteAccess,
    create_key_pair,
    encode,
)
from xr_ai_agent._net import refusal
from xr_ai_agent._net.curve import load_key_pair, refuse_exposed

pytestmark = pytest.mark.anyio

TRACK = FrameRequest("alice", "v")
FRAME = bytes(range(24))
DEADLINE_S = 30.0


@pytest.fixture
async def hub(stage, access) -> HubEndpoint:
    return stage.hub(remote=access.settings)


def remote_agent(stage, hub: HubEndpoint, keys: CurveKeys | None) -> ProcessorEndpoint:
    assert hub.remote_addresses is not None
    return stage.start(ProcessorEndpoint(hub.remote_addresses.pub, hub.remote_addresses.pull, keys=keys))


async def test_an_agent_with_a_key_hears_speaks_and_sees(stage, hub, access, eventually):
    connector = hub.connect_local("lk")
    said: list = []
    connector.on_return_data(said.append)
    connector.on_return_audio(said.append)
    connector.on_return_audio_flush(said.append)
    far, near = remote_agent(stage, hub, access.admit("far")), await stage.agent()
    heard: list = []
    for register in (far.on_data, far.on_audio, far.on_frame):
        register(heard.append)
    async with asyncio.timeout(DEADLINE_S):
        await far.wait_connected()
    await connector.notify_participant_joined("alice", 1)
    await connector.push_data(DataMessage("alice", "t", 1, b"x"))
    await connector.push_audio(AudioChunk(1, 48_000, 1, 1, bytes(4), "alice", "mic"))
    await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 7, FRAME)
    await eventually(lambda: len(heard) == 3)
    assert await far.send_return_data(DataMessage("alice", "t", 1, b"y"))
    assert await far.send_return_audio(AudioChunk(1, 48_000, 1, 1, bytes(4), "alice", "tts"))
    await eventually(lambda: len(said) == 2)
    assert await far.flush_return_audio("alice")
    await eventually(lambda: len(said) == 3)
    for agent in (far, near):
        frame = await agent.request_frame(TRACK)
        assert (frame.seq, frame.width, frame.data) == (1, 4, FRAME)


async def test_a_connector_with_a_key_serves_its_participants(stage, hub, access, eventually):
    """With frames of a size that no single packet carries, and a frame that is too large."""
    connector = stage.start(access.connector(hub, "far", max_frame_bytes=4_000_000))
    said: list = []
    connector.on_return_data(said.append)
    agent, signals = await stage.agent(), []
    agent.on_frame(signals.append)
    async with asyncio.timeout(DEADLINE_S):
        await connector.wait_connected()
    await connector.notify_participant_joined("alice", 1)
    side = 1280
    pixels = bytes(range(256)) * (side * side * 3 // 2 // 256)
    assert await connector.push_frame("alice", "v", PixelFormat.I420, side, side, 7, pixels) == 1
    await eventually(lambda: signals, within_s=20)
    assert (signals[0].seq, signals[0].pts_us, signals[0].width) == (1, 7, side)
    assert (await agent.request_frame(TRACK)).data == pixels
    with pytest.raises(FrameTooLargeError, match="at most 4000000"):
        await connector.push_frame("alice", "v", PixelFormat.RGBA, side, side, 7, bytes(side * side * 4))
    with pytest.raises(MalformedMessageError, match="I420 8×8: 24 bytes, expected 96"):
        await connector.push_frame("alice", "v", PixelFormat.I420, 8, 8, 7, FRAME)
    # Of one that does not check:
    forged = FrameData(2, 7, 8, 8, PixelFormat.I420, FRAME, "alice", "v")
    assert connector._link.sender.send_now(encode(MsgType.FRAME_DATA, forged))
    await eventually(lambda: hub.stats().counters.get("malformed frame dropped") == 1, within_s=20)
    await agent.send_return_data(DataMessage("alice", "t", 1, b"y"))
    await eventually(lambda: said)
    await connector.end_track("alice", "v")
    await eventually(lambda: hub.stats().video_tracks == 0)
    connector.close()
    await eventually(lambda: not agent.connected_participants)


async def test_pixels_travel_to_the_one_that_asked_and_no_memory_is_mapped(stage, hub, access, eventually):
    connector = hub.connect_local("lk")
    asker, other = (remote_agent(stage, hub, access.admit(name)) for name in ("asker", "other"))
    strangers_view: list = []
    answers = other._on_answer
    other._link.control._handle = lambda parts: strangers_view.append(parts) or answers(parts)
    async with asyncio.timeout(DEADLINE_S):
        await asker.wait_connected()
        await other.wait_connected()
    await connector.notify_participant_joined("alice", 1)
    side = 640
    pixels = bytes(range(256)) * (side * side * 3 // 2 // 256)
    await connector.push_frame("alice", "v", PixelFormat.I420, side, side, 7, pixels)
    copy = await asker.request_frame(TRACK, DEADLINE_S)
    view = await asker.request_frame(TRACK, DEADLINE_S, copy=False)
    assert copy.data == view.data == pixels
    assert view.data.readonly
    assert asker._frames._maps._maps == {}
    assert strangers_view == []
    assert "frame memory not mapped" not in asker.losses


@pytest.mark.parametrize("stranger", ["no key", "an unknown key", "a wrong server key"])
async def test_strangers_hear_nothing_and_are_not_heard(stage, hub, access, eventually, stranger, tmp_path):
    connector = hub.connect_local("lk")
    said: list = []
    connector.on_return_data(said.append)
    friend = remote_agent(stage, hub, access.admit("friend"))
    keys = None
    if stranger == "an unknown key":
        create_key_pair(tmp_path / "s" / "s.key_secret")
        keys = CurveKeys(tmp_path / "s" / "s.key_secret", access.settings.server_key.with_suffix(".key"))
    elif stranger == "a wrong server key":
        create_key_pair(tmp_path / "s" / "s.key_secret")
        keys = CurveKeys(access.admit("misled").client_key, tmp_path / "s" / "s.key")
    intruder, heard = remote_agent(stage, hub, keys), []
    intruder.on_data(heard.append)
    await connector.notify_participant_joined("alice", 1)
    sending = asyncio.ensure_future(intruder.send_return_data(DataMessage("alice", "t", 1, b"intruder")))
    async with asyncio.timeout(DEADLINE_S):
        await friend.wait_connected()
    got: list = []
    friend.on_data(got.append)
    if stranger == "an unknown key":
        await eventually(lambda: hub.stats().counters.get("unknown key refused"))
    await connector.push_data(DataMessage("alice", "t", 1, b"secret"))
    await eventually(lambda: got)
    assert await friend.send_return_data(DataMessage("alice", "t", 1, b"friend"))
    await eventually(lambda: said)
    assert heard == []
    assert intruder.connected_participants == frozenset()
    assert [message.data for message in said] == [b"friend"]
    intruder.close()
    await sending


async def test_a_key_laid_into_the_folder_is_good_at_once(stage, hub, access, tmp_path):
    """And one that is taken away is refused at the next connection."""
    keys = access.admit("late")
    public = access.settings.client_keys / "late.key"
    kept = public.read_bytes()
    public.unlink()
    agent = remote_agent(stage, hub, keys)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await agent.wait_connected()
    public.write_bytes(kept)
    again = remote_agent(stage, hub, keys)
    async with asyncio.timeout(DEADLINE_S):
        await again.wait_connected()


async def test_a_refused_agent_says_so_once_and_gets_in_when_its_key_is_laid_down(
    stage, hub, access, eventually, monkeypatch, caplog
):
    monkeypatch.setattr(refusal, "_RETRY_AFTER_S", 0.2)
    keys = access.admit("patient")
    public = access.settings.client_keys / "patient.key"
    kept = public.read_bytes()
    public.unlink()
    agent = remote_agent(stage, hub, keys)
    await eventually(lambda: agent.losses.get("key refused", 0) >= 5, within_s=20)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("key refused")]
    assert len(told) == 1
    assert "copy patient.key into the hub's folder" in told[0]
    public.write_bytes(kept)
    async with asyncio.timeout(DEADLINE_S):
        await agent.wait_connected()
    connector = hub.connect_local("lk")
    said: list = []
    connector.on_return_data(said.append)
    await connector.notify_participant_joined("alice", 1)
    await eventually(lambda: agent.connected_participants, within_s=20)
    assert await agent.send_return_data(DataMessage("alice", "t", 1, b"y"))
    await eventually(lambda: said, within_s=20)


def hub_on_ports(stage, settings: RemoteAccess) -> tuple[HubEndpoint, RemoteAccess]:
    """Return a hub, and the settings with which another one finds its ports again."""
    for port in range(20_000 + secrets.randbelow(20_000), 60_000, 4):
        fixed = replace(settings, port=port)
        with contextlib.suppress(AddressInUseError):
            return stage.hub(remote=fixed), fixed
    raise AssertionError("no four ports in a row")


def told(caplog, kind: str) -> list[str]:
    """The lines that a person was shown about a kind of loss."""
    shown = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    return [line for line in shown if line.startswith(kind)]


async def test_an_agent_with_a_wrong_hub_key_says_so_once_and_gets_in_with_the_right_one(
    stage, hub, access, eventually, tmp_path, caplog
):
    keys = access.admit("misled")
    create_key_pair(tmp_path / "s" / "stale.key_secret")
    agent = remote_agent(stage, hub, CurveKeys(keys.client_key, tmp_path / "s" / "stale.key"))
    await eventually(lambda: agent.losses.get("hub's key not right", 0) >= 5)
    await eventually(lambda: hub.stats().counters.get("peer with the key of another hub refused", 0) >= 5)
    (line,) = told(caplog, "hub's key not right")
    assert f"{tmp_path}/s/stale.key is probably not its key; copy the hub's public key again" in line
    assert set(agent.losses) == {"hub's key not right"}
    agent.close()
    async with asyncio.timeout(DEADLINE_S):
        await remote_agent(stage, hub, keys).wait_connected()


async def test_a_refused_connector_says_so_once_and_its_people_are_here_when_its_key_is_laid_down(
    stage, hub, access, eventually, caplog, monkeypatch
):
    monkeypatch.setattr(refusal, "_RETRY_AFTER_S", 0.2)
    connector = stage.start(access.connector(hub, "patient"))
    public = access.settings.client_keys / "patient.key"
    kept = public.read_bytes()
    public.unlink()
    await connector.notify_participant_joined("alice", 1)
    await eventually(lambda: connector.losses.get("key refused", 0) >= 5)
    (line,) = told(caplog, "key refused")
    assert "copy patient.key into the hub's folder of client keys" in line
    public.write_bytes(kept)
    await eventually(lambda: hub.connected_participants == {"alice"})
    agent, heard = await stage.agent(), []
    agent.on_frame(heard.append)
    await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 7, FRAME)
    await eventually(lambda: heard)


async def test_an_agent_without_a_key_is_told_to_have_one_and_counted(stage, hub, eventually, caplog, monkeypatch):
    monkeypatch.setattr(refusal, "_RETRY_AFTER_S", 0.2)
    agent = remote_agent(stage, hub, None)
    await eventually(lambda: agent.losses.get("hub asks for a key", 0) >= 4)
    await eventually(lambda: hub.stats().counters.get("peer without a key refused", 0) >= 2)
    (line,) = told(caplog, "hub asks for a key")
    assert "name yours in XR_HUB_CLIENT_KEY and the hub's in XR_HUB_SERVER_KEY" in line
    assert set(agent.losses) == {"hub asks for a key"}


async def test_an_agent_with_a_key_at_a_hub_without_is_told_so_and_counted(
    stage, access, eventually, caplog, monkeypatch, tmp_path
):
    monkeypatch.setattr(refusal, "_RETRY_AFTER_S", 0.2)
    create_key_pair(access.settings.server_key)
    hub = stage.hub_on_tcp()
    agent = stage.start(ProcessorEndpoint(stage.pub, stage.pull, keys=access.admit("eager")))
    await eventually(lambda: agent.losses.get("hub takes no key", 0) >= 4)
    await eventually(lambda: hub.stats().counters.get("peer with a key refused", 0) >= 2)
    (line,) = told(caplog, "hub takes no key")
    assert "serves this address without keys" in line
    assert set(agent.losses) == {"hub takes no key"}
    assert (await stage.agent()).losses == {}


async def test_every_socket_of_an_agent_gets_in_again_when_its_key_is_laid_down_again(
    stage, access, eventually, monkeypatch, tmp_path
):
    """The hub restarts, and does not know the agent for a while."""
    monkeypatch.setattr(refusal, "_RETRY_AFTER_S", 0.2)
    hub, settings = hub_on_ports(stage, access.settings)
    agent = remote_agent(stage, hub, access.admit("patient"))
    async with asyncio.timeout(DEADLINE_S):
        await agent.wait_connected()
    public = settings.client_keys / "patient.key"
    kept = public.read_bytes()
    public.unlink()
    hub.close()
    again = stage.hub(remote=settings)
    # Its four sockets, the one for requests too.
    await eventually(lambda: agent.losses.get("key refused", 0) >= 8)
    public.write_bytes(kept)
    connector = again.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 7, FRAME)
    await eventually(lambda: agent.connected_participants)
    frame = None
    async with asyncio.timeout(DEADLINE_S):
        while frame is None:
            frame = await agent.request_frame(TRACK, 1.0)
    assert frame.data == FRAME


@pytest.mark.parametrize("given", ["XR_HUB_CLIENT_KEY", "XR_HUB_SERVER_KEY"])
def test_one_key_of_two_is_no_access_and_says_which_is_missing(given, monkeypatch):
    missing = ({"XR_HUB_CLIENT_KEY", "XR_HUB_SERVER_KEY"} - {given}).pop()
    monkeypatch.setenv(given, "/keys/of.key")
    monkeypatch.delenv(missing, raising=False)
    with pytest.raises(KeyFileError, match=f"{missing}: not set, and {given} is"):
        ProcessorEndpoint("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    # On this machine none is needed.
    ProcessorEndpoint("ipc:///tmp/xr-test-nobody", "ipc:///tmp/xr-test-nobody2").close()
    monkeypatch.setenv(missing, "")
    with pytest.raises(KeyFileError, match=f"{missing}: not set"):
        CurveKeys.from_environment()


async def test_agents_of_this_machine_need_no_key(stage, hub):
    assert (await stage.agent()).losses == {}
    assert hub.stats().counters == {}


async def test_keys_come_from_the_environment_for_a_tcp_address(stage, hub, access, monkeypatch):
    keys = access.admit("env")
    monkeypatch.setenv("XR_HUB_CLIENT_KEY", str(keys.client_key))
    monkeypatch.setenv("XR_HUB_SERVER_KEY", str(keys.server_key))
    agent = remote_agent(stage, hub, None)
    async with asyncio.timeout(DEADLINE_S):
        await agent.wait_connected()


async def test_two_hubs_of_one_process_admit_each_their_own(stage, hub, access, tmp_path):
    other_clients = tmp_path / "others"
    other_clients.mkdir()
    other = RemoteAccess(tmp_path / "other" / "hub.key_secret", other_clients, host="127.0.0.1", port=0)
    second = stage.start(HubEndpoint(f"ipc://{tmp_path}/in2", f"ipc://{tmp_path}/pub2", remote=other))
    keys = access.admit("first")
    wrong = CurveKeys(keys.client_key, other.server_key.with_suffix(".key"))
    agent = remote_agent(stage, second, wrong)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await agent.wait_connected()
    async with asyncio.timeout(DEADLINE_S):
        await remote_agent(stage, hub, keys).wait_connected()


def test_a_secret_key_is_for_its_owner_alone_and_is_kept(access, tmp_path):
    for _ in range(2):
        hub = HubEndpoint(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub", remote=access.settings)
        hub.close()
        secret = access.settings.server_key.read_bytes()
        assert stat.S_IMODE(access.settings.server_key.stat().st_mode) == 0o600
    assert access.settings.server_key.read_bytes() == secret
    assert len(load_key_pair(access.settings.server_key)[1]) == 40


@pytest.mark.parametrize(
    "address", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.4:1", "tcp://[::]:5555", "tcp://eth0:5555"]
)
def test_an_open_door_is_refused_with_a_sentence(address, tmp_path):
    with pytest.raises(InsecureAddressError, match=r"every machine on the network could listen in.*RemoteAccess"):
        HubEndpoint(address, f"ipc://{tmp_path}/pub")
    with pytest.raises(InsecureAddressError):
        HubEndpoint(f"ipc://{tmp_path}/in", address)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "ipc:///x", "inproc://x"]
)
def test_a_door_inside_the_house_needs_no_key(address):
    refuse_exposed(address)


async def test_loopback_tcp_without_keys_works_on_one_machine(stage, eventually):
    connector = stage.hub_on_tcp().connect_local("lk")
    agent, heard = await stage.agent(), []
    agent.on_frame(heard.append)
    await connector.notify_participant_joined("alice", 1)
    await connector.push_frame("alice", "v", PixelFormat.I420, 4, 4, 7, FRAME)
    await eventually(lambda: heard)
    assert (await agent.request_frame(TRACK)).data == FRAME


def test_wrong_key_files_are_named(access, tmp_path):
    access.settings.client_keys.rmdir()
    with pytest.raises(KeyFileError, match="clients: expected a folder"):
        HubEndpoint(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub", remote=access.settings)
    with pytest.raises(KeyFileError, match=r"ends in \.key_secret"):
        create_key_pair(tmp_path / "hub.pem")
    (tmp_path / "x.key_secret").write_text("nonsense")
    with pytest.raises(KeyFileError, match="cannot be read as a CURVE key file"):
        load_key_pair(tmp_path / "x.key_secret")
    public = create_key_pair(tmp_path / "y.key_secret")
    with pytest.raises(KeyFileError, match="holds no secret key"):
        load_key_pair(public)
    # Nothing stays bound after a refusal.
    hub = HubEndpoint(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub")
    hub.close()
