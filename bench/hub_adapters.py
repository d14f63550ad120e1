# ruff: noqa: B027 - what an adapter need not offer does nothing here
"""What a hub must offer to be measured: the adapter interface, and the pixel formats of the harness."""

from __future__ import annotations

import abc
import time

FORMATS = {"I420": 1.5, "NV12": 1.5, "RGB24": 3.0, "RGBA": 4.0}


def frame_bytes(w: int, h: int, fmt: str) -> int:
    return int(w * h * FORMATS[fmt])


def now_us() -> int:
    return time.monotonic_ns() // 1000


# ---------------------------------------------------------------- the adapter interface


class RingFull(Exception):
    """push_frame/push_signal could not take a frame now (back-pressure)."""


class ConnectorAdapter(abc.ABC):
    """Producer side.  All calls are on the worker's event loop."""

    @abc.abstractmethod
    async def announce(self): ...
    @abc.abstractmethod
    async def join(self, pid: str): ...
    @abc.abstractmethod
    async def leave(self, pid: str): ...
    @abc.abstractmethod
    async def push_frame(self, pid, track, w, h, fmt, data, pts_us):
        """Store the pixels and signal the frame; RingFull when there is no room."""

    async def push_signal(self, pid, track, pts_us):
        """Signal with the least pixels the implementation allows (metadata path)."""
        await self.push_frame(pid, track, 4, 4, "I420", b"\0" * 24, pts_us)

    @abc.abstractmethod
    async def push_audio(self, pid, track, pts_us, rate, channels, samples, data): ...
    def on_return_audio(self, cb):
        """cb(pid, pts_us, nbytes)"""

    def on_flush(self, cb):
        """cb(pid)"""

    def cancelled(self) -> int:
        """Return how many chunks a flush overtook and silenced so far: not lost, not wanted any more."""
        return 0

    async def stop(self): ...


class ProcessorAdapter(abc.ABC):
    """Agent side."""

    @abc.abstractmethod
    def subscribe(self, pid: str): ...
    @abc.abstractmethod
    def on_frame(self, cb):
        """cb(pid, track, seq, pts_us)"""

    @abc.abstractmethod
    def on_audio(self, cb):
        """cb(pid, track, pts_us, nbytes)"""

    def on_participant(self, cb):
        """cb(pid, joined)"""

    @abc.abstractmethod
    async def request_frame(self, pid, track):
        """-> (seq, pts_us, buffer, release) of the newest frame, or None.  `buffer`
        supports the buffer protocol and is valid until release() is called; release() may
        return False = "the pixels were overwritten while you held them" (detected, so not
        counted as torn/changed).  None or True = they were good throughout."""

    @abc.abstractmethod
    async def send_return_audio(self, pid, pts_us, rate, channels, samples, data): ...
    async def flush(self, pid): ...
    async def stop(self): ...


class Adapter(abc.ABC):
    name = "?"

    def __init__(self, workdir: str, opts: dict):
        self.workdir, self.opts = workdir, opts  # opts: slots, max_frame_bytes

    def install_loop(self):
        """e.g. uvloop.install()"""

    @abc.abstractmethod
    async def start_hub(self): ...
    async def stop_hub(self): ...
    @abc.abstractmethod
    async def connector(self) -> ConnectorAdapter: ...
    @abc.abstractmethod
    async def processor(self) -> ProcessorAdapter: ...
    def raw_inlet(self) -> str | None:
        """ZMQ address to throw rubbish at (fault item), or None."""

    def encode_unknown(self) -> bytes:
        return b"\xfe\x90"

    def encode_big(self, n: int) -> bytes | None:
        """A well-formed data message of n bytes for participant 'p0', or None."""
