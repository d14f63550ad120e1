"""A real hub process with a real LiveKit server, and real clients, on free ports of this machine."""

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pytest
import trustme
from livekit import rtc
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

import yaml
from xr_ai_agent import AudioChunk, DataMessage, FrameSignal, ParticipantEvent, ProcessorEndpoint

START_LIMIT_S = 60.0
WAIT_LIMIT_S = 30.0
_REPOSITORY = Path(__file__).resolve().parents[2]
_LIVEKIT_CLIENT = _REPOSITORY.joinpath(
    *("client-samples", "web-xr-build", "node_modules", "livekit-client", "dist", "livekit-client.esm.mjs")
)
# What a page of anybody's does with this hub: a token, the room, the microphone and the camera, data both ways.
_JOIN_PAGE = """<!doctype html><title>join</title><body><script type="module">
import { Room } from "./livekit-client.esm.mjs";
window.got = []; window.heard = false;
const admission = await (await fetch("/token" + location.search)).json();
const room = new Room();
room.on("dataReceived", (data, who, kind, topic) => got.push([topic, new TextDecoder().decode(data), who?.identity]));
room.on("trackSubscribed", (track) => { document.body.append(track.attach()); window.heard = track.kind === "audio"; });
await room.connect(admission.url, admission.token);
await room.localParticipant.setMicrophoneEnabled(true);
await room.localParticipant.setCameraEnabled(true);
await room.localParticipant.publishData(new TextEncoder().encode("from the page"), { reliable: true });
window.url = admission.url;
</script>"""
MIC_RATE_HZ = 48_000
SPARE_SECRET = "k" * 32
MAX_DATA_BYTES = 4_000_000
_STREAM_TOPICS = ("", "scene", "agent.response", "clientControl")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def livekit_binary() -> Path:
    """The server the tests run: from the environment, PATH, or what the project's setup has put into deps."""
    named = os.environ.get("LIVEKIT_SERVER_BIN") or shutil.which("livekit-server")
    candidates = [Path(named)] if named else []
    candidates += [_REPOSITORY / "deps" / "livekit-server" / name for name in ("server", "livekit-server")]
    found = next((path for path in candidates if path.is_file()), None)
    assert found, f"no livekit-server: set LIVEKIT_SERVER_BIN or run the setup (looked at {candidates})"
    return found.resolve()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class HubProcess:
    """One hub as its users start it."""

    folder: Path
    config: dict[str, Any]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "hub.log"

    @property
    def web_port(self) -> int:
        return int(self.config["web_server_port"])

    @property
    def url(self) -> str:
        scheme = "https" if self.config.get("web_server_tls", True) else "http"
        return f"{scheme}://127.0.0.1:{self.web_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> "HubProcess":
        path = self.folder / "xr_media_hub.yaml"
        path.write_text(yaml.safe_dump(self.config))
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "xr_media_hub", "--config", str(path), "--ready-file", str(ready)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=self.folder)
        return self

    def wait_ready(self) -> "HubProcess":
        wait_until(lambda: (self.folder / "ready").exists() or self._has_ended(), START_LIMIT_S)
        assert (self.folder / "ready").exists(), f"the hub did not start:\n{self.output}"
        return self

    def wait_exit(self, limit_s: float = WAIT_LIMIT_S) -> int:
        assert self.process is not None
        return self.process.wait(limit_s)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        assert self.process is not None
        self.ask_to_stop()
        try:
            return self.process.wait(WAIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def wait_until(condition: Callable[[], object], limit_s: float = WAIT_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not reached within {limit_s} s"
        time.sleep(0.01)


async def eventually(condition: Callable[[], object], limit_s: float = WAIT_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not reached within {limit_s} s"
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def make_hub(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path) -> Iterator[Callable[..., HubProcess]]:
    """Makes hubs (not started) on free ports; what still runs at the end is stopped."""
    made: list[HubProcess] = []

    def make(**overrides: Any) -> HubProcess:
        folder = tmp_path_factory.mktemp("hub")
        config = {
            "web_server_host": "127.0.0.1",
            "web_server_port": free_port(),
            "web_server_tls": False,
            "lk_port_ws": free_port(),
            "lk_port_tcp": free_port(),
            "lk_port_udp": free_port(socket.SOCK_DGRAM),
            "node_ip": "127.0.0.1",
            "hub_push_addr": f"ipc://{folder}/in",
            "hub_sub_addr": f"ipc://{folder}/pub",
        }
        environment = os.environ | {
            "LIVEKIT_SERVER_BIN": str(livekit_binary),
            "XR_AI_DATA_DIR": str(folder / "data"),
            "XR_AI_VERBOSE": "1",
        }
        environment.pop("NOTIFY_SOCKET", None)
        hub = HubProcess(folder, config | overrides, environment)
        made.append(hub)
        return hub

    yield make
    for hub in made:
        hub.ask_to_stop()
    for hub in made:
        if hub.process is not None:
            hub.stop()


class SpareHub:
    """A hub of default settings that nobody else uses; the next one starts while the present one is tested."""

    def __init__(self, make_hub: Callable[..., HubProcess]) -> None:
        self._make_hub = make_hub
        self._next = self._start()

    def take(self) -> HubProcess:
        """Return a running hub to do anything to."""
        taken, self._next = self._next.wait_ready(), self._start()
        return taken

    def _start(self) -> HubProcess:
        return self._make_hub(api_secret=SPARE_SECRET).start()


@pytest.fixture(scope="session")
def spare_hubs(make_hub: Callable[..., HubProcess]) -> SpareHub:
    return SpareHub(make_hub)


@pytest.fixture
def spare_hub(spare_hubs: SpareHub) -> HubProcess:
    """A hub of its own for a test that harms it."""
    return spare_hubs.take()


@pytest.fixture(scope="session")
def client_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client")
    (folder / "index.html").write_text("<!doctype html><title>client</title>")
    (folder / "app.mjs").write_text("export const answer = 42;\n")
    (folder / "scene.wasm").write_bytes(b"\0asm")
    (folder / "big.bin").write_bytes(bytes(range(256)) * 8192)
    (folder / "join.html").write_text(_JOIN_PAGE)
    assert _LIVEKIT_CLIENT.is_file(), f"no {_LIVEKIT_CLIENT}: run the setup, which installs what the page is built of"
    shutil.copy(_LIVEKIT_CLIENT, folder)
    return folder


@pytest.fixture(scope="session")
def hub(make_hub: Callable[..., HubProcess], client_dir: Path) -> HubProcess:
    """The hub most tests share: plain http, as behind a TLS proxy."""
    settings = {
        "max_participants": 200,
        "max_data_bytes": MAX_DATA_BYTES,
        "api_secret": SPARE_SECRET,
        "token_rate_per_minute": 0,
    }
    return make_hub(web_client_dir=str(client_dir), **settings).start().wait_ready()


@pytest.fixture(scope="session")
def tls_hub(make_hub: Callable[..., HubProcess], client_dir: Path) -> HubProcess:
    """A hub that terminates TLS with its own certificate and asks for a join code."""
    settings = {"web_server_tls": True, "join_code": "sesame", "web_client_dir": str(client_dir)}
    return make_hub(**settings).start().wait_ready()


@pytest.fixture(scope="session")
def proxied_hub(make_hub: Callable[..., HubProcess], client_dir: Path) -> HubProcess:
    """A hub as behind a proxy on the same machine: plain http on IPv6, watched from one network outside."""
    settings = {"web_server_host": "::1", "token_rate_per_minute": 0, "status_networks": ["198.51.100.0/24"]}
    return make_hub(web_client_dir=str(client_dir), **settings).start().wait_ready()


class OwnLiveKit:
    """A server that is not the hub's child, and the hub that is told of it (not started)."""

    def __init__(self, binary: Path, hub: HubProcess) -> None:
        self.hub = hub
        self._binary = binary
        self._config = hub.folder / "livekit.yaml"
        self._process: subprocess.Popen[bytes] | None = None
        rtc_config = {"udp_port": hub.config["lk_port_udp"], "tcp_port": 0, "node_ip": "127.0.0.1"}
        config = {
            "port": hub.config["lk_port_ws"],
            "bind_addresses": ["127.0.0.1"],
            "keys": {"xr-hub": SPARE_SECRET},
            "rtc": rtc_config | {"enable_loopback_candidate": True},
            "room": {"auto_create": False},
        }
        self._config.write_text(yaml.safe_dump(config))

    async def start(self) -> None:
        with (self.hub.folder / "livekit.log").open("ab") as log:
            command = [self._binary, "--config", self._config]
            self._process = await asyncio.to_thread(subprocess.Popen, command, stdout=log, stderr=log)
        await eventually(self._is_open)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _is_open(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.hub.config["lk_port_ws"])) == 0


@pytest.fixture
def own_livekit(
    make_hub: Callable[..., HubProcess], livekit_binary: Path, request: pytest.FixtureRequest
) -> Iterator[OwnLiveKit]:
    """Settings of the hub may be given by indirect parametrization."""
    hub = make_hub(api_secret=SPARE_SECRET, **getattr(request, "param", {}))
    hub.config["livekit_url"] = f"ws://127.0.0.1:{hub.config['lk_port_ws']}"
    server = OwnLiveKit(livekit_binary, hub)
    yield server
    server.kill()
    if hub.process is not None:
        hub.stop()


class Agent:
    """An agent program on the hub's sockets that keeps everything it gets."""

    def __init__(self, hub: HubProcess, name: str = "") -> None:
        self.endpoint = ProcessorEndpoint(
            sub_addr=hub.config["hub_sub_addr"], push_addr=hub.config["hub_push_addr"], name=name
        )
        self.data: list[DataMessage] = []
        self.audio: list[AudioChunk] = []
        self.frames: list[FrameSignal] = []
        self.events: list[ParticipantEvent] = []
        self.endpoint.on_data(self.data.append)
        self.endpoint.on_audio(self.audio.append)
        self.endpoint.on_frame(self.frames.append)
        self.endpoint.on_participant(self.events.append)

    def texts(self, participant_id: str, topic: str = "") -> list[bytes]:
        return [each.data for each in self.data if (each.participant_id, each.topic) == (participant_id, topic)]

    def peak(self, participant_id: str, last: int = 20) -> float:
        chunks = [each for each in self.audio if each.participant_id == participant_id][-last:]
        return max((float(np.abs(np.frombuffer(each.data, "<f4")).max()) for each in chunks), default=0.0)

    async def say(self, participant_id: str, hz: float, seconds: float, rate_hz: int = 22_050) -> None:
        for chunk in tone_chunks(hz, seconds, rate_hz):
            samples = len(chunk) // 4
            await self.endpoint.send_return_audio(AudioChunk(0, rate_hz, 1, samples, chunk, participant_id, "voice"))

    async def tell(self, participant_id: str, topic: str, data: bytes) -> None:
        await self.endpoint.send_return_data(DataMessage(participant_id, topic, 0, data))


def tone_chunks(hz: float, seconds: float, rate_hz: int) -> list[bytes]:
    wave = (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype("<f4")
    step = rate_hz // 50
    return [wave[start : start + step].tobytes() for start in range(0, len(wave), step)]


@pytest.fixture
async def agent(hub: HubProcess) -> AsyncIterator[Agent]:
    async with running_agent(hub) as agent:
        yield agent


@asynccontextmanager
async def running_agent(hub: HubProcess, name: str = "") -> AsyncIterator[Agent]:
    agent = Agent(hub, name)
    running = asyncio.create_task(agent.endpoint.run())
    try:
        yield agent
    finally:
        agent.endpoint.stop()
        with suppress(asyncio.CancelledError):
            await running
        agent.endpoint.close()


class Client:
    """A participant with the plain LiveKit SDK: no filters, no manners."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.data: list[tuple[str, bytes, str | None]] = []
        self.senders: set[str] = set()
        self.peaks: list[tuple[float, int]] = []
        self.video_frames = 0
        self.sizes: dict[str, tuple[int, int]] = {}
        self.disconnected: list[object] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.room.on("data_received", self._on_data)
        for topic in _STREAM_TOPICS:
            self.room.register_byte_stream_handler(topic, self._on_stream)
        self.room.on("track_subscribed", self._on_track)
        self.room.on("disconnected", lambda reason: self.disconnected.append(reason))

    async def join(self, url: str, token: str) -> "Client":
        await self.room.connect(url, token)
        return self

    @property
    def others(self) -> set[str]:
        return set(self.room.remote_participants)

    def loud_since(self, since_s: float, threshold: int = 1000) -> list[float]:
        return [at for at, peak in self.peaks if at >= since_s and peak > threshold]

    async def send(self, data: bytes, topic: str = "", **options: Any) -> None:
        await self.room.local_participant.publish_data(data, topic=topic, **options)

    async def publish_tone(self, hz: float = 440.0, level: float = 0.4) -> str:
        source = rtc.AudioSource(MIC_RATE_HZ, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await self.room.local_participant.publish_track(track, options)
        self._spawn(self._feed_tone(source, hz, level))
        return publication.sid

    async def publish_colour(self, luma: int, width: int = 320, height: int = 240, *, simulcast: bool = False) -> str:
        """Show a plain picture; `resize` changes its size while it runs."""
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=simulcast)
        publication = await self.room.local_participant.publish_track(track, options)
        self.sizes[publication.sid] = (width, height)
        self._spawn(self._feed_colour(source, luma, publication.sid))
        return publication.sid

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()

    def _spawn(self, coroutine: Any) -> None:
        self._tasks.append(asyncio.create_task(coroutine))

    def _on_data(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else None
        self.data.append((packet.topic or "", packet.data, sender))

    def _on_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        self._spawn(self._read_stream(reader, sender))

    async def _read_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        data = b"".join([chunk async for chunk in reader])
        self.data.append((reader.info.topic, data, sender))

    def _on_track(self, track: rtc.Track, _publication: object, participant: rtc.RemoteParticipant) -> None:
        self.senders.add(participant.identity)
        self._spawn(self._hear(track) if track.kind == rtc.TrackKind.KIND_AUDIO else self._see(track))

    async def _hear(self, track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track):
            samples = np.frombuffer(event.frame.data, dtype=np.int16)
            self.peaks.append((time.monotonic(), int(np.abs(samples.astype(int)).max())))

    async def _see(self, track: rtc.Track) -> None:
        async for _ in rtc.VideoStream(track):
            self.video_frames += 1

    async def _feed_tone(self, source: rtc.AudioSource, hz: float, level: float) -> None:
        wave = level * 32_767 * np.sin(2 * np.pi * hz * np.arange(MIC_RATE_HZ) / MIC_RATE_HZ)
        pcm = wave.astype(np.int16)
        while True:
            for start in range(0, MIC_RATE_HZ, 480):
                part = pcm[start : start + 480].tobytes()
                await source.capture_frame(rtc.AudioFrame(part, MIC_RATE_HZ, 1, 480))

    async def _feed_colour(self, source: rtc.VideoSource, luma: int, track_id: str) -> None:
        while True:
            width, height = self.sizes[track_id]
            pixels = bytes([luma]) * (width * height) + bytes([128]) * (width * height // 2)
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, pixels))
            await asyncio.sleep(1 / 15)


async def get_json(url: str, **options: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, **options) as reply:
        return reply.status, await reply.json()


async def health_until(hub: HubProcess, condition: Callable[[Any], object], limit_s: float = WAIT_LIMIT_S) -> Any:
    """Ask /health until ``condition`` holds for its facts, and return them."""
    async with asyncio.timeout(limit_s), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{hub.url}/health") as reply:
                facts = await reply.json()
            if condition(facts):
                return facts
            await asyncio.sleep(0.05)


@pytest.fixture
async def join() -> AsyncIterator[Callable[..., Any]]:
    """Joins as a person would: a token from the hub, then the URL it names. Everybody leaves at the end."""
    clients: list[Client] = []

    async def join_hub(hub: HubProcess, identity: str) -> Client:
        status, admission = await get_json(f"{hub.url}/token", params={"identity": identity})
        assert status == 200, admission
        client = await Client().join(admission["url"], admission["token"])
        clients.append(client)
        return client

    yield join_hub
    await asyncio.gather(*(client.leave() for client in clients))


def join_over_tls(authority: Path, admission: dict[str, str]) -> str:
    """Join with the SDK in a process of its own, whose environment names the authority it trusts."""
    script = """
import asyncio, json, sys
import trustme
from livekit import rtc
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest
async def main():
    admission = json.load(sys.stdin)
    room = rtc.Room()
    await room.connect(admission["url"], admission["token"])
    print(",".join(room.remote_participants))
    await room.disconnect()
asyncio.run(main())
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(admission),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=os.environ | {"SSL_CERT_FILE": str(authority)},
    )
    return run.stdout.strip()


def unverified_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def first_signal(
    session: aiohttp.ClientSession, admission: dict[str, str], path: str, place: str, **more: str
) -> bytes:
    """Open LiveKit's signalling with the token in the ``place`` given, and return its first message."""
    params = more if path == "/rtc" else {"join_request": _JOIN_REQUEST, **more}
    headers = {}
    if place == "query":
        params["access_token"] = admission["token"]
    else:
        headers["Authorization"] = f"Bearer {admission['token']}"
    async with session.ws_connect(f"{admission['url']}{path}", params=params, headers=headers) as websocket:
        message = await websocket.receive(timeout=10)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return bytes(message.data)


def _join_request() -> str:
    client = ClientInfo(sdk=ClientInfo.SDK.PYTHON, protocol=16, version="1.0.0")
    wrapped = WrappedJoinRequest(join_request=JoinRequest(client_info=client).SerializeToString())
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


_JOIN_REQUEST = _join_request()


@pytest.fixture(scope="session")
def public_authority() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a client that trusts an authority, and of a server with its certificate for localhost."""
    client, server = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _AUTHORITY.configure_trust(client)
    _AUTHORITY.issue_cert("localhost").configure_cert(server)
    return client, server


@pytest.fixture
def public_authority_file(tmp_path: Path) -> Path:
    path = tmp_path / "public-ca.pem"
    _AUTHORITY.cert_pem.write_to_path(path)
    return path


_AUTHORITY = trustme.CA()


class ReverseProxy:
    """A TLS-terminating proxy as one would put before a hub: it adds its headers, then passes bytes."""

    def __init__(
        self, hub_host: str, hub_port: int, hub_tls: ssl.SSLContext | None, tls: ssl.SSLContext | None
    ) -> None:
        self._hub = (hub_host, hub_port)
        self._hub_tls = hub_tls
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        return f"{'https' if self._tls else 'http'}://localhost:{port}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            client = writer.get_extra_info("peername")[0]
            added = f"X-Forwarded-For: {client}\r\nX-Forwarded-Proto: {'https' if self._tls else 'http'}\r\n\r\n"
            hub_reader, hub_writer = await asyncio.open_connection(*self._hub, ssl=self._hub_tls)
            if b"upgrade: websocket" not in head.lower():
                # One request per connection: the headers must be in each.
                head = re.sub(rb"(?i)\r\nconnection:[^\r\n]*", b"", head)[:-2] + b"Connection: close\r\n\r\n"
            hub_writer.write(head[:-2] + added.encode())
            await asyncio.gather(_pump(reader, hub_writer), _pump(hub_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@pytest.fixture(scope="session")
def helpers() -> Any:
    """What tests call by name (test modules cannot import each other)."""

    class Helpers:
        Client = Client
        ReverseProxy = ReverseProxy
        SPARE_SECRET = SPARE_SECRET
        MAX_DATA_BYTES = MAX_DATA_BYTES
        eventually = staticmethod(eventually)
        free_port = staticmethod(free_port)
        get_json = staticmethod(get_json)
        health_until = staticmethod(health_until)
        running_agent = staticmethod(running_agent)
        wait_until = staticmethod(wait_until)
        tone_chunks = staticmethod(tone_chunks)
        first_signal = staticmethod(first_signal)
        join_over_tls = staticmethod(join_over_tls)
        unverified_tls = staticmethod(unverified_tls)

    return Helpers
