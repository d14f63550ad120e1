"""A hub as its users start it: a process of its own on free ports of this machine."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

import yaml
from kit.processes import WAIT_LIMIT_S, own_port
from xr_ai_launcher.testing import wait_for

__all__ = (
    "MAX_DATA_BYTES",
    "SPARE_SECRET",
    "HubProcess",
    "SpareHub",
    "get_json",
    "health_until",
    "hub_maker",
    "until_quiet",
)

SPARE_SECRET = "k" * 32
MAX_DATA_BYTES = 4_000_000
"""Of one message, at the hub that most tests share."""
_START_LIMIT_S = 60.0


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
    def join_code(self) -> str:
        return str(self.config.get("join_code", ""))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> "HubProcess":
        """Start it, or start it again, without waiting."""
        path = self.folder / "xr_media_hub.yaml"
        path.write_text(yaml.safe_dump(self.config))
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "xr_media_hub", "--config", str(path), "--ready-file", str(ready)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=self.folder)
        return self

    def wait_ready(self) -> "HubProcess":
        """Return once it says ready.

        Raises:
            AssertionError: it ended instead, or took too long; its output is in the message.
        """
        wait_for(lambda: (self.folder / "ready").exists() or self._has_ended(), "the hub's start", _START_LIMIT_S)
        assert (self.folder / "ready").exists(), f"the hub did not start:\n{self.output}"
        return self

    def wait_exit(self) -> int:
        """Its exit code, once it has ended by itself, be it instead of a start."""
        assert self.process is not None
        return self.process.wait(_START_LIMIT_S)

    def children(self) -> list[psutil.Process]:
        """Every process it has started."""
        return psutil.Process(self.pid).children(recursive=True)

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Stop it and return its exit code; one that does not stop is killed, and fails the test."""
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
        """Everything it has printed so far."""
        return self.log.read_text(errors="replace")

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@contextmanager
def hub_maker(new_folder: Callable[[], Path], livekit_binary: Path) -> Iterator[Callable[..., HubProcess]]:
    """Make hubs (not started) on free ports, each in a folder of its own; what still runs at the end is stopped."""
    made: list[HubProcess] = []

    def make(**settings: Any) -> HubProcess:
        folder = new_folder()
        environment = os.environ | {
            "LIVEKIT_SERVER_BIN": str(livekit_binary),
            "XR_AI_DATA_DIR": str(folder / "data"),
            "XR_AI_VERBOSE": "1",
        }
        environment.pop("NOTIFY_SOCKET", None)
        made.append(HubProcess(folder, _loopback_config(folder) | settings, environment))
        return made[-1]

    try:
        yield make
    finally:
        for hub in made:
            hub.ask_to_stop()
        for hub in made:
            if hub.process is not None:
                hub.stop()


def _loopback_config(folder: Path) -> dict[str, Any]:
    return {
        "web_server_host": "127.0.0.1",
        "web_server_port": own_port(),
        "web_server_tls": False,
        "lk_port_ws": own_port(),
        "lk_port_tcp": own_port(),
        "lk_port_udp": own_port(),
        "node_ip": "127.0.0.1",
        "hub_push_addr": f"ipc://{folder}/in",
        "hub_sub_addr": f"ipc://{folder}/pub",
    }


class SpareHub:
    """A hub of default settings that nobody else uses; the next one starts while the present one is tested."""

    def __init__(self, make_hub: Callable[..., HubProcess]) -> None:
        self._make_hub = make_hub
        self._next = self._start()

    def take(self) -> HubProcess:
        """Return a running hub to do anything to."""
        try:
            return self._next.wait_ready()
        finally:
            self._next = self._start()

    def _start(self) -> HubProcess:
        return self._make_hub(api_secret=SPARE_SECRET).start()


async def get_json(url: str, **options: Any) -> tuple[int, Any]:
    """The status and the body of a reply."""
    async with aiohttp.ClientSession() as session, session.get(url, **options) as reply:
        return reply.status, await reply.json()


async def health_until(hub: HubProcess, condition: Callable[[Any], object], within_s: float = WAIT_LIMIT_S) -> Any:
    """Ask /health until ``condition`` holds for its facts, and return them.

    Raises:
        AssertionError: it did not within ``within_s`` seconds; the last facts are in the message.
    """
    facts: Any = None
    try:
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"{hub.url}/health") as reply:
                    facts = await reply.json()
                if condition(facts):
                    return facts
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s; {hub.url}/health says: {facts}") from None


async def until_quiet(hub: HubProcess) -> None:
    """Return once nobody sends sound or pictures any more: who leaves is still there for some seconds."""
    await health_until(hub, lambda facts: not any(each["tracks"] for each in facts["participants"].values()))
