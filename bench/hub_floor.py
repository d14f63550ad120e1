"""Two bounds, not hubs: the least that this Python and ZeroMQ can do, with no checks at all.

``floor``: hub and connector are one process that publishes straight on one PUB socket; agents map the frames and never
ask. ``floor-ask``: the same, but every fetch is a question to the hub and a small descriptor back.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import mmap
import os
import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import zmq
from hub_adapters import Adapter, ConnectorAdapter, ProcessorAdapter, RingFull

_SIGNAL = struct.Struct("<IIqQI")  # slot, seq, pts, generation, bytes
_PTS = struct.Struct("<q")
_PAGE = 4096
_BATCH_MESSAGES = 256
_HWM_MESSAGES = 10_000
_FLUSH = b"flush"
_ROOM_POLL_S = 0.001

Signal = tuple[int, int, int, int, int]


class _Ring:
    """Slots of one page with a generation (odd while written) and the pixels behind it."""

    def __init__(self, path: str, slots: int = 0, size: int = 0) -> None:
        """Make it with so many slots of so many bytes, or map one that is there."""
        is_new = slots > 0
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC if is_new else os.O_RDONLY, 0o600)
        if is_new:
            stride = (size + 2 * _PAGE - 1) & -_PAGE
            os.ftruncate(fd, _PAGE + slots * stride)
            self._map = mmap.mmap(fd, 0)
            struct.pack_into("<II", self._map, 0, slots, stride)
        else:
            self._map = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
        os.close(fd)
        self._slots: int
        self._stride: int
        self._slots, self._stride = struct.unpack_from("<II", self._map, 0)
        self._view = memoryview(self._map)
        self._generations = [0] * self._slots
        self._turn = itertools.cycle(range(self._slots))

    def write(self, data: bytes) -> tuple[int, int]:
        """Return the slot and generation of a frame that was copied in."""
        slot = next(self._turn)
        at = self._at(slot)
        if at + _PAGE + len(data) > len(self._view):
            raise RingFull
        generation = self._generations[slot] = self._generations[slot] + 2
        struct.pack_into("<Q", self._map, at, generation - 1)
        self._view[at + _PAGE : at + _PAGE + len(data)] = data
        struct.pack_into("<Q", self._map, at, generation)
        return slot, generation

    def view(self, slot: int, generation: int, size: int) -> memoryview | None:
        at = self._at(slot)
        return self._view[at + _PAGE : at + _PAGE + size] if self.is_valid(slot, generation) else None

    def is_valid(self, slot: int, generation: int) -> bool:
        return bool(struct.unpack_from("<Q", self._map, self._at(slot))[0] == generation)

    def _at(self, slot: int) -> int:
        return _PAGE + slot * self._stride


def _drain(socket: zmq.Socket[bytes], loop: asyncio.AbstractEventLoop, handle: Callable[[list[bytes]], None]) -> None:
    """Handle what waits, a batch per turn of the loop."""
    for _ in range(_BATCH_MESSAGES):
        if not int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return
        handle(socket.recv_multipart(zmq.NOBLOCK))
    loop.call_soon(_drain, socket, loop, handle)


class FloorAdapter(Adapter):
    """Hub and connector in one process, frames read by mapping."""

    name = "floor"

    def install_loop(self) -> None:
        with contextlib.suppress(ImportError):
            import uvloop

            uvloop.install()

    def address(self, name: str) -> str:
        return f"ipc://{self.workdir}/{name}"

    async def start_hub(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._inlet = context.socket(zmq.PULL)
        self._inlet.bind(self.address("in"))
        self.outlet: zmq.Socket[bytes] = context.socket(zmq.PUB)
        self.outlet.sndhwm = _HWM_MESSAGES
        self.outlet.bind(self.address("pub"))
        self.on_return: Callable[[str, bytes], None] = lambda pid, data: None
        self.newest: dict[bytes, bytes] = {}
        loop = asyncio.get_running_loop()
        loop.add_reader(int(self._inlet.getsockopt(zmq.FD)), _drain, self._inlet, loop, self._handle)
        loop.call_soon(_drain, self._inlet, loop, self._handle)

    async def connector(self) -> ConnectorAdapter:
        return _FloorConnector(self)

    async def processor(self) -> ProcessorAdapter:
        return _FloorAgent(self)

    def raw_inlet(self) -> str:
        return self.address("in")

    def encode_big(self, n: int) -> bytes:
        return b"D" * n

    def _handle(self, parts: list[bytes]) -> None:
        topic = parts[0]
        if topic[:1] == b"R":
            self.on_return(topic[2:-1].decode(), parts[1])
        elif topic[:1] == b"Q":
            self.outlet.send_multipart([b"F." + parts[1], self.newest.get(topic[2:], b"")])
        else:
            self.outlet.send_multipart(parts)


class FloorAskAdapter(FloorAdapter):
    """As floor, but every fetch is a question."""

    name = "floor-ask"

    async def processor(self) -> ProcessorAdapter:
        return _FloorAskingAgent(self)


class _FloorConnector(ConnectorAdapter):
    """Only in the hub's process."""

    def __init__(self, hub: FloorAdapter) -> None:
        self._hub = hub
        self._seq: dict[tuple[str, str], int] = defaultdict(int)
        self._ring = _Ring(hub.workdir + "/ring", hub.opts["slots"], hub.opts["max_frame_bytes"])
        self._on_return: Callable[[str, int, int], None] = lambda pid, pts_us, size: None
        self._on_flush: Callable[[str], None] = lambda pid: None
        hub.on_return = self._take_return

    def on_return_audio(self, cb: Callable[[str, int, int], None]) -> None:
        self._on_return = cb

    def on_flush(self, cb: Callable[[str], None]) -> None:
        self._on_flush = cb

    async def announce(self) -> None:
        return

    async def join(self, pid: str) -> None:
        self._hub.outlet.send_multipart([b"P", pid.encode()])

    async def leave(self, pid: str) -> None:
        return

    async def push_frame(self, pid: str, track: str, w: int, h: int, fmt: str, data: bytes, pts_us: int) -> None:
        slot, generation = self._ring.write(data)
        key = (pid, track)
        self._seq[key] += 1
        topic = f"V.{pid}.{track}.".encode()
        signal = _SIGNAL.pack(slot, self._seq[key], pts_us, generation, len(data))
        self._hub.newest[topic[2:]] = signal
        self._hub.outlet.send_multipart([topic, signal])

    async def push_audio(
        self, pid: str, track: str, pts_us: int, rate: int, channels: int, samples: int, data: bytes
    ) -> None:
        self._hub.outlet.send_multipart([f"A.{pid}.{track}.".encode(), _PTS.pack(pts_us) + data])

    def _take_return(self, pid: str, data: bytes) -> None:
        if data == _FLUSH:
            self._on_flush(pid)
        else:
            self._on_return(pid, _PTS.unpack_from(data)[0], len(data) - _PTS.size)


class _FloorAgent(ProcessorAdapter):
    def __init__(self, hub: FloorAdapter) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._folder = hub.workdir
        self._ring: _Ring | None = None
        self._newest: dict[tuple[str, str], Signal] = {}
        self._sub: zmq.Socket[bytes] = context.socket(zmq.SUB)
        self._sub.rcvhwm = _HWM_MESSAGES
        self._sub.connect(hub.address("pub"))
        self._push: zmq.Socket[bytes] = context.socket(zmq.PUSH)
        self._push.connect(hub.address("in"))
        self._on_frame: Callable[[str, str, int, int], None] = lambda pid, track, seq, pts_us: None
        self._on_audio: Callable[[str, str, int, int], None] = lambda pid, track, pts_us, size: None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(int(self._sub.getsockopt(zmq.FD)), _drain, self._sub, self._loop, self._take)
        self._check()

    def subscribe(self, pid: str) -> None:
        for kind in "VA":
            self._sub.subscribe(f"{kind}.{pid}.".encode())
        self._check()

    def on_frame(self, cb: Callable[[str, str, int, int], None]) -> None:
        self._on_frame = cb

    def on_audio(self, cb: Callable[[str, str, int, int], None]) -> None:
        self._on_audio = cb

    async def request_frame(self, pid: str, track: str) -> Any:
        signal = self._newest.get((pid, track))
        return self._read(signal) if signal else None

    async def send_return_audio(
        self, pid: str, pts_us: int, rate: int, channels: int, samples: int, data: bytes
    ) -> None:
        await self._send([f"R.{pid}.".encode(), _PTS.pack(pts_us) + data])

    async def flush(self, pid: str) -> None:
        await self._send([f"R.{pid}.".encode(), _FLUSH])

    def _check(self) -> None:
        # Subscribing and sending may swallow the edge that announces a message.
        self._loop.call_soon(_drain, self._sub, self._loop, self._take)

    def _take(self, parts: list[bytes]) -> None:
        topic, data = parts
        kind, pid, track, _ = topic.decode().split(".", 3)
        if kind == "V":
            signal = self._newest[(pid, track)] = _SIGNAL.unpack(data)
            self._on_frame(pid, track, signal[1], signal[2])
        elif kind == "A":
            self._on_audio(pid, track, _PTS.unpack_from(data)[0], len(data) - _PTS.size)

    def _read(self, signal: Signal) -> Any:
        slot, seq, pts_us, generation, size = signal
        ring = self._ring = self._ring or _Ring(self._folder + "/ring")
        view = ring.view(slot, generation, size)
        return None if view is None else (seq, pts_us, view, lambda: ring.is_valid(slot, generation))

    async def _send(self, parts: list[bytes]) -> None:
        while True:
            try:
                self._push.send_multipart(parts, zmq.NOBLOCK)
                return
            except zmq.Again:
                await asyncio.sleep(_ROOM_POLL_S)


class _FloorAskingAgent(_FloorAgent):
    def __init__(self, hub: FloorAdapter) -> None:
        super().__init__(hub)
        self._name = os.urandom(6).hex().encode()
        self._answer: asyncio.Future[bytes] | None = None
        self._sub.subscribe(b"F." + self._name)

    async def request_frame(self, pid: str, track: str) -> Any:
        self._answer = self._loop.create_future()
        self._push.send_multipart([f"Q.{pid}.{track}.".encode(), self._name])
        self._check()
        answer = await asyncio.wait_for(self._answer, 1)
        return self._read(_SIGNAL.unpack(answer)) if answer else None

    def _take(self, parts: list[bytes]) -> None:
        if parts[0][:1] != b"F":
            super()._take(parts)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(parts[1])
