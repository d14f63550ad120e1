"""Two bounds, not hubs: the least that this Python and ZeroMQ can do, with no checks at all."""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
from collections import defaultdict

import zmq
from hub_adapters import Adapter, ConnectorAdapter, ProcessorAdapter, RingFull

_SIG = struct.Struct("<IIqQI")  # slot, seq, pts, generation, size


class _FloorRing:
    """Per-slot generation (odd = being written); readers check it before and after."""

    def __init__(self, path, slots=0, size=0):

        self.stride = (size + 4096 + 4095) & ~4095
        self.slots = slots
        if slots:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.ftruncate(fd, 4096 + slots * self.stride)
            self.m = mmap.mmap(fd, 0)
            struct.pack_into("<II", self.m, 0, slots, self.stride)
        else:
            fd = os.open(path, os.O_RDONLY)
            self.m = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
            self.slots, self.stride = struct.unpack_from("<II", self.m, 0)
        os.close(fd)
        self.v = memoryview(self.m)
        self.gen = [0] * self.slots
        self.next = 0
        self.pins = {}

    def write(self, data):
        for _ in range(self.slots):
            s = self.next
            self.next = (s + 1) % self.slots
            if not self.pins.get(s):
                break
        else:
            raise RingFull
        o = 4096 + s * self.stride
        g = self.gen[s] = self.gen[s] + 2
        struct.pack_into("<Q", self.m, o, g - 1)
        self.v[o + 4096 : o + 4096 + len(data)] = data
        struct.pack_into("<Q", self.m, o, g)
        return s, g

    def view(self, s, g, n):
        o = 4096 + s * self.stride
        if struct.unpack_from("<Q", self.m, o)[0] != g:
            return None
        return self.v[o + 4096 : o + 4096 + n]

    def valid(self, s, g):
        return struct.unpack_from("<Q", self.m, 4096 + s * self.stride)[0] == g


class FloorAdapter(Adapter):
    """Hub and connector are one process; frames go agent-side by mapping, no copy, no request.
    A native zmq proxy thread carries what other processes push.  No checks: a bound, not a hub."""

    name = "floor"
    _pub = None

    def install_loop(self):
        try:
            import uvloop

            uvloop.install()
        except ImportError:
            pass

    def addr(self, n):
        return f"ipc://{self.workdir}/{n}"

    async def start_hub(self):

        c = zmq.Context.instance()
        self.inp = c.socket(zmq.PULL)
        self.inp.bind(self.addr("in"))
        self.out = c.socket(zmq.PUB)
        self.out.bind(self.addr("pub"))
        self.out.sndhwm = 10000
        loop = asyncio.get_running_loop()
        self.fd = self.inp.fd
        self.local = None
        self.latest = {}

        def pump():
            n = 0
            while n < 256 and self.inp.events & zmq.POLLIN:
                m = self.inp.recv_multipart(zmq.DONTWAIT, copy=False)
                n += 1
                t = bytes(m[0].buffer)
                if t[:1] == b"R" and self.local:
                    self.local(t, m[1].buffer)
                elif t[:1] == b"Q":
                    self.out.send_multipart([b"F." + bytes(m[1].buffer), self.latest.get(t[2:], b"")])
                else:
                    self.out.send_multipart(m, copy=False)
            if self.inp.events & zmq.POLLIN:
                loop.call_soon(pump)

        loop.add_reader(self.fd, pump)
        FloorAdapter._pub = self
        loop.call_soon(pump)

    def raw_inlet(self):
        return self.addr("in")

    def encode_big(self, n):
        return b"D" * n

    async def connector(self):
        return _FloorConn(self)

    async def processor(self):
        return _FloorProc(self)


class FloorAskAdapter(FloorAdapter):
    """As floor, but every fetch is a request to the hub and a small descriptor back."""

    name = "floor-ask"

    async def processor(self):
        return _FloorAskProc(self)


class _FloorConn(ConnectorAdapter):
    def __init__(self, a):

        self.a = a
        self.hub = FloorAdapter._pub
        self.seq = defaultdict(int)
        self.ring = _FloorRing(a.workdir + "/ring", a.opts["slots"], a.opts["max_frame_bytes"])
        if self.hub:
            self.sock = self.hub.out
            self.hub.local = self._local
        else:
            self.sock = zmq.Context.instance().socket(zmq.PUSH)
            self.sock.connect(a.addr("in"))
        self.rcb = self.fcb = lambda *x: None
        self.topic = {}

    def _local(self, t, b):
        if len(b) < 9:
            self.fcb(t[2:-1].decode())
        else:
            self.rcb(t[2:-1].decode(), struct.unpack_from("<q", b)[0], len(b) - 8)

    def on_return_audio(self, cb):
        self.rcb = cb

    def on_flush(self, cb):
        self.fcb = cb

    async def announce(self):
        pass

    async def join(self, pid):
        self.sock.send_multipart([b"P", pid.encode()])

    async def leave(self, pid):
        pass

    async def push_frame(self, pid, track, w, h, fmt, data, pts_us):
        s, g = self.ring.write(data)
        k = (pid, track)
        self.seq[k] += 1
        t, d = f"V.{pid}.{track}.".encode(), _SIG.pack(s, self.seq[k], pts_us, g, len(data))
        if self.hub:
            self.hub.latest[t[2:]] = d
        self.sock.send_multipart([t, d])
        if not self.hub or not self.seq[k] % 16:
            await asyncio.sleep(0)

    async def push_audio(self, pid, track, pts_us, rate, channels, samples, data):
        self.sock.send_multipart([f"A.{pid}.{track}.".encode(), struct.pack("<q", pts_us) + data])


class _FloorProc(ProcessorAdapter):
    def __init__(self, a):

        self.a = a
        c = zmq.Context.instance()
        self.ring = None
        self.last = {}
        self.sub = c.socket(zmq.SUB)
        self.sub.rcvhwm = 10000
        self.sub.connect(a.addr("pub"))
        self.push = c.socket(zmq.PUSH)
        self.push.connect(a.addr("in"))
        self.vcb = self.acb = lambda *x: None
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.sub.fd, self._pump)
        self.loop.call_soon(self._pump)
        self.zmq = zmq

    def _pump(self):
        n = 0
        while n < 256 and self.sub.events & self.zmq.POLLIN:
            t, b = self.sub.recv_multipart(self.zmq.DONTWAIT)
            n += 1
            self._take(t, b)
        if self.sub.events & self.zmq.POLLIN:
            self.loop.call_soon(self._pump)

    def _take(self, t, b):
        if t[:1] == b"V":
            _, p, tr, _ = t.decode().split(".", 3) if t.count(b".") == 3 else t.decode().rsplit(".", 3)
            x = _SIG.unpack(b)
            self.last[(p, tr)] = x
            self.vcb(p, tr, x[1], x[2])
        elif t[:1] == b"A":
            _, p, tr, _ = t.decode().split(".", 3)
            self.acb(p, tr, struct.unpack_from("<q", b)[0], len(b) - 8)

    def subscribe(self, pid):
        for k in "VA":
            self.sub.subscribe(f"{k}.{pid}.".encode())
        self.loop.call_soon(self._pump)

    def on_frame(self, cb):
        self.vcb = cb

    def on_audio(self, cb):
        self.acb = cb

    async def request_frame(self, pid, track):
        x = self.last.get((pid, track))
        if not x:
            return None
        if not self.ring:
            self.ring = _FloorRing(self.a.workdir + "/ring")
        v = self.ring.view(x[0], x[3], x[4])
        return None if v is None else (x[1], x[2], v, lambda: self.ring.valid(x[0], x[3]))

    async def _send(self, m):
        while True:
            try:
                self.push.send_multipart(m, self.zmq.DONTWAIT)
                return
            except self.zmq.Again:
                await asyncio.sleep(0.001)

    async def send_return_audio(self, pid, pts_us, rate, channels, samples, data):
        await self._send([f"R.{pid}.".encode(), struct.pack("<q", pts_us) + data])

    async def flush(self, pid):
        await self._send([f"R.{pid}.".encode(), b"flush"])


class _FloorAskProc(_FloorProc):
    def __init__(self, a):
        super().__init__(a)
        self.me = os.urandom(6).hex().encode()
        self.wait = None
        self.sub.subscribe(b"F." + self.me)

    def _take(self, t, b):
        if t[:1] == b"F":
            if self.wait and not self.wait.done():
                self.wait.set_result(b)
        else:
            super()._take(t, b)

    async def request_frame(self, pid, track):
        self.wait = self.loop.create_future()
        self.push.send_multipart([f"Q.{pid}.{track}.".encode(), self.me])
        self.loop.call_soon(self._pump)
        b = await asyncio.wait_for(self.wait, 1)
        if not b:
            return None
        x = _SIG.unpack(b)
        if not self.ring:
            self.ring = _FloorRing(self.a.workdir + "/ring")
        v = self.ring.view(x[0], x[3], x[4])
        return None if v is None else (x[1], x[2], v, lambda: self.ring.valid(x[0], x[3]))
