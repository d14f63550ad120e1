"""A whole hub as its users start it, on free ports, for the figures that need one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

__all__ = ("LOOPBACK", "RunningHub", "free_port", "running_hub")

LOOPBACK = "127.0.0.1"
_ROOT = Path(__file__).resolve().parent.parent
_START_LIMIT_S, _STOP_LIMIT_S, _POLL_S = 60.0, 30.0, 0.05


@dataclass(frozen=True)
class RunningHub:
    """A hub that serves; ``config`` is what it was told."""

    config: dict[str, Any]
    process: psutil.Process

    @property
    def port(self) -> int:
        """Of its page, its tokens and its signalling proxy."""
        return int(self.config["web_server_port"])

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http{'s' if self.config['web_server_tls'] else ''}://{LOOPBACK}:{self.port}"

    @property
    def ipc(self) -> dict[str, str]:
        """Where agents find it, as arguments of `ProcessorEndpoint`."""
        return {"sub_addr": self.config["hub_sub_addr"], "push_addr": self.config["hub_push_addr"]}

    def cpu_s(self) -> float:
        """Return its processor time so far; LiveKit's is not in it."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def running_hub(folder: Path, **overrides: Any) -> Iterator[RunningHub]:
    """Run a hub without TLS and with a LiveKit server of its own, unless ``overrides`` of its YAML say otherwise.

    Raises:
        RuntimeError: it did not start; its log is in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "web_server_host": LOOPBACK,
        "web_server_tls": False,
        "node_ip": LOOPBACK,
        "token_rate_per_minute": 0,
        "hub_push_addr": f"ipc://{folder}/in",
        "hub_sub_addr": f"ipc://{folder}/pub",
        **{key: free_port() for key in ("web_server_port", "lk_port_ws", "lk_port_tcp", "lk_port_udp")},
        **overrides,
    }
    path, ready, log = folder / "hub.yaml", folder / "ready", folder / "hub.log"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "xr_media_hub", "--config", str(path), "--ready-file", str(ready)]
    with log.open("ab") as file:
        process = subprocess.Popen(command, env=_environment(folder), stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the hub did not start:\n{log.read_text(errors='replace')}")
            time.sleep(_POLL_S)
        yield RunningHub(config, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(_STOP_LIMIT_S)


def free_port() -> int:
    """Return a port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _environment(folder: Path) -> dict[str, str]:
    server = _ROOT / "deps/livekit-server/server"
    found = {"LIVEKIT_SERVER_BIN": str(server)} if server.exists() else {}
    own = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
    return found | own | {"XR_AI_DATA_DIR": str(folder / "data")}
