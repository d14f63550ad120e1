"""A whole hub as its users start it, on free ports, for the figures that need one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from kit.hub import hub_maker
from kit.livekit import find_livekit

__all__ = ("LOOPBACK", "RunningHub", "running_hub")

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class RunningHub:
    """A hub that serves; ``config`` is what it was told, ``port`` that of its page, its tokens and its signalling."""

    config: dict[str, Any]
    process: psutil.Process
    port: int
    url: str

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
        AssertionError: it did not start, and its log is in the message; or there is no LiveKit server to start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with hub_maker(lambda: folder, find_livekit()) as make:
        hub = make(**{"token_rate_per_minute": 0} | overrides)
        hub.environment.pop("XR_AI_VERBOSE")  # what the tests read, and users do not pay for
        hub.start().wait_ready()
        yield RunningHub(hub.config, psutil.Process(hub.pid), hub.web_port, hub.url)
