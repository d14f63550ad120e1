"""A real LiveKit server, and a real hub in front of one, on free loopback ports."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from livekit import api

import yaml
from xr_ai_agent import ProcessorEndpoint
from xr_ai_client import MAX_DATA_BYTES

START_LIMIT_S = 30.0
WAIT_LIMIT_S = 30.0
_REPOSITORY = Path(__file__).resolve().parents[2]
_API_KEY = "test-key"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="session")
def livekit_binary() -> Path:
    named = os.environ.get("LIVEKIT_SERVER_BIN") or shutil.which("livekit-server")
    candidates = [Path(named)] if named else []
    candidates += [_REPOSITORY / "deps" / "livekit-server" / name for name in ("server", "livekit-server")]
    found = next((path for path in candidates if path.is_file()), None)
    assert found, "no livekit-server: set LIVEKIT_SERVER_BIN or run `make setup`"
    return found.resolve()


@contextmanager
def running(command: list[str], log: Path, is_ready: Callable[[], bool], **options: Any) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **options)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not is_ready():
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            # The server waits for ghosts of participants; nobody needs its last words.
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class MediaServer:
    """A LiveKit server and the key to its rooms."""

    url: str
    secret: str

    def token(self, identity: str, room: str) -> str:
        grants = api.VideoGrants(room_join=True, room=room)
        return api.AccessToken(_API_KEY, self.secret).with_identity(identity).with_grants(grants).to_jwt()


@pytest.fixture(scope="session")
def media_server(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path) -> Iterator[MediaServer]:
    folder = tmp_path_factory.mktemp("livekit")
    port, secret = free_port(), secrets.token_hex(32)
    rtc = {
        "tcp_port": free_port(),
        "udp_port": free_port(socket.SOCK_DGRAM),
        "use_external_ip": False,
        "node_ip": "127.0.0.1",
        "enable_loopback_candidate": True,
    }
    config = {"port": port, "bind_addresses": ["127.0.0.1"], "rtc": rtc, "keys": {_API_KEY: secret}}
    path = folder / "livekit.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [str(livekit_binary), "--config", str(path)]
    with running(command, folder / "log", lambda: _listens(port)):
        yield MediaServer(f"ws://127.0.0.1:{port}", secret)


@dataclass(frozen=True)
class Hub:
    """A hub that terminates TLS with a certificate of its own and wants a code."""

    url: str
    pull: str
    pub: str
    code: str = "sesame"


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    port = free_port()
    config = {
        "web_server_host": "127.0.0.1",
        "web_server_port": port,
        "lk_port_ws": free_port(),
        "lk_port_tcp": free_port(),
        "lk_port_udp": free_port(socket.SOCK_DGRAM),
        "node_ip": "127.0.0.1",
        "join_code": Hub.code,
        "max_data_bytes": MAX_DATA_BYTES,
        "hub_push_addr": f"ipc://{folder}/in",
        "hub_sub_addr": f"ipc://{folder}/pub",
    }
    path, ready = folder / "xr_media_hub.yaml", folder / "ready"
    path.write_text(yaml.safe_dump(config))
    environment = os.environ | {"LIVEKIT_SERVER_BIN": str(livekit_binary), "XR_AI_DATA_DIR": str(folder / "data")}
    environment.pop("NOTIFY_SOCKET", None)
    command = [sys.executable, "-m", "xr_media_hub", "--config", str(path), "--ready-file", str(ready)]
    with running(command, folder / "log", ready.exists, env=environment, cwd=folder):
        yield Hub(f"https://127.0.0.1:{port}", config["hub_push_addr"], config["hub_sub_addr"])


@pytest.fixture
async def agent(hub: Hub) -> AsyncIterator[ProcessorEndpoint]:
    agent = ProcessorEndpoint(hub.pub, hub.pull)
    running = asyncio.create_task(agent.run())
    await agent.wait_connected()
    yield agent
    agent.close()
    await running


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def eventually() -> Callable[..., Awaitable[None]]:
    async def wait(condition: Callable[[], Any], what: str = "", limit_s: float = WAIT_LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {limit_s} s: {what or condition}"
            await asyncio.sleep(0.01)

    return wait
