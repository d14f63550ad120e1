# ruff: noqa: B027 - what an adapter need not offer does nothing here
"""What a hub must offer to be measured: the adapter interface, and the pixel formats of the harness."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable
from typing import Any

FORMATS = {"I420": 1.5, "NV12": 1.5, "RGB24": 3.0, "RGBA": 4.0}


def frame_bytes(w: int, h: int, fmt: str) -> int:
    return int(w * h * FORMATS[fmt])


def now_us() -> int:
    return time.monotonic_ns() // 1000


# ---------------------------------------------------------------- the adapter interface


class RingFull(Exception):
    """push_frame/push_signal could not take a frame now (back-pressure)."""


OnFrame = Callable[[str, str, int, int], None]
"""Participant, track, sequence number, pts_us."""
OnAudio = Callable[[str, str, int, int], None]
"""Participant, track, pts_us, bytes."""
OnReturnAudio = Callable[[str, int, int], None]
"""Participant, pts_us, bytes."""
OnFlush = Callable[[str], None]
"""Participant."""
Fetched = tuple[int, int, Any, Callable[[], bool]]
"""Sequence number, pts_us, a buffer, and what ends its use and tells whether the pixels held until then."""


class ConnectorAdapter(abc.ABC):
    """Producer side.  All calls are on the worker's event loop."""

    @abc.abstractmethod
    async def announce(self) -> None: ...
    @abc.abstractmethod
    async def join(self, pid: str) -> None: ...
    @abc.abstractmethod
    async def leave(self, pid: str) -> None: ...
    @abc.abstractmethod
    async def push_frame(self, pid: str, track: str, w: int, h: int, fmt: str, data: bytes, pts_us: int) -> None:
        """Store the pixels and signal the frame; RingFull when there is no room."""

    async def push_signal(self, pid: str, track: str, pts_us: int) -> None:
        """Signal with the least pixels the implementation allows (metadata path)."""
        await self.push_frame(pid, track, 4, 4, "I420", b"\0" * 24, pts_us)

    @abc.abstractmethod
    async def push_audio(
        self, pid: str, track: str, pts_us: int, rate: int, channels: int, samples: int, data: bytes
    ) -> None: ...
    @abc.abstractmethod
    def on_return_audio(self, cb: OnReturnAudio) -> None: ...
    @abc.abstractmethod
    def on_flush(self, cb: OnFlush) -> None: ...

    def cancelled(self) -> int:
        """Return how many chunks a flush overtook and silenced so far: not lost, not wanted any more."""
        return 0

    async def stop(self) -> None:
        """Disconnect."""


class ProcessorAdapter(abc.ABC):
    """Agent side."""

    @abc.abstractmethod
    def subscribe(self, pid: str) -> None: ...
    @abc.abstractmethod
    def on_frame(self, cb: OnFrame) -> None: ...
    @abc.abstractmethod
    def on_audio(self, cb: OnAudio) -> None: ...
    @abc.abstractmethod
    async def request_frame(self, pid: str, track: str) -> Fetched | None:
        """Return the newest frame, if there is one.

        What ends its use may say that the pixels were overwritten meanwhile: that is noticed, so it is not counted as
        torn or changed.
        """

    @abc.abstractmethod
    async def send_return_audio(
        self, pid: str, pts_us: int, rate: int, channels: int, samples: int, data: bytes
    ) -> None: ...
    @abc.abstractmethod
    async def flush(self, pid: str) -> None: ...

    async def stop(self) -> None:
        """Disconnect."""


class Adapter(abc.ABC):
    """One process's way to a kind of hub; ``opts`` holds slots and max_frame_bytes of a connector's ring."""

    name = "?"

    def __init__(self, workdir: str, opts: dict[str, int]) -> None:
        self.workdir, self.opts = workdir, opts

    def install_loop(self) -> None:
        """Choose the event loop, such as uvloop's."""

    @abc.abstractmethod
    async def start_hub(self) -> None: ...

    async def stop_hub(self) -> None:
        """End a hub of this process, if there is one."""

    @abc.abstractmethod
    async def connector(self) -> ConnectorAdapter: ...
    @abc.abstractmethod
    async def processor(self) -> ProcessorAdapter: ...

    def raw_inlet(self) -> str | None:
        """Return the ZeroMQ address to throw rubbish at, if there is one."""
        return None

    def encode_unknown(self) -> bytes:
        """Return a message of an id that nobody knows."""
        return b"\xfe\x90"

    def encode_big(self, n: int) -> bytes | None:
        """Return a well-formed data message of n bytes for participant p0, if there is one."""
        return None
