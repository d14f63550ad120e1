"""One process of a measurement: plays hub, connector or agent and answers a JSON line per command."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
from collections import defaultdict

from hub_adapters import Adapter, RingFull, frame_bytes, now_us
from hub_numbers import cpu_s, rss_mb, summary

ADAPTERS = {
    "ours": "hub_ours:OurAdapter",
    "floor": "hub_floor:FloorAdapter",
    "floor-ask": "hub_floor:FloorAskAdapter",
}


class Worker:
    """Runs any of the roles; answers one JSON line per command line on stdin."""

    def __init__(self, adapter: Adapter):
        self.a = adapter
        self.conn = self.agent = None
        self.reset()

    def reset(self):
        self.lat, self.alat, self.rlat = [], [], []
        self.cancelled_before = self.conn.cancelled() if self.conn else 0
        self.seq, self.gaps, self.flushes = {}, 0, []
        self.count = defaultdict(int)

    # callbacks
    def _frame(self, pid, track, seq, pts):
        self.lat.append(now_us() - pts)
        last = self.seq.get((pid, track))
        if last is not None and seq > last + 1:
            self.gaps += seq - last - 1
        self.seq[(pid, track)] = seq
        self.count[pid] += 1

    def _audio(self, pid, track, pts, n):
        self.alat.append(now_us() - pts)
        self.count[pid] += 1

    def _ret(self, pid, pts, n):
        self.rlat.append(now_us() - pts)

    # commands
    async def start_hub(self):
        await self.a.start_hub()

    async def start_conn(self):
        self.conn = await self.a.connector()
        self.conn.on_return_audio(self._ret)
        self.conn.on_flush(lambda pid: self.flushes.append((now_us(), len(self.rlat))))
        await self.conn.announce()

    async def start_agent(self):
        self.agent = await self.a.processor()
        self.agent.on_frame(self._frame)
        self.agent.on_audio(self._audio)

    async def subscribe(self, pids):
        for p in pids:
            self.agent.subscribe(p)

    async def join(self, pids):
        for p in pids:
            await self.conn.join(p)

    async def leave(self, pids):
        for p in pids:
            await self.conn.leave(p)

    async def stats(self):
        return {
            "frames": summary(self.lat),
            "audio": summary(self.alat),
            "ret": summary(self.rlat),
            "gaps": self.gaps,
            "flush": self.flushes,
            "cancelled": self.conn.cancelled() - self.cancelled_before if self.conn else 0,
            "cpu": cpu_s(),
            "rss": rss_mb(),
            "per_pid": dict(list(self.count.items())[:4]),
        }

    async def clear(self):
        self.reset()

    async def _paced(self, rate, secs, fn):
        """fn(i) at absolute deadlines; returns (sent, full)."""
        n, full, t0 = int(rate * secs), 0, time.monotonic()
        for i in range(n):
            d = t0 + i / rate - time.monotonic()
            if d > 0:
                await asyncio.sleep(d)
            try:
                await fn(i)
            except RingFull:
                full += 1
        return {"sent": n - full, "full": full}

    async def _flat_out(self, secs, fn):
        sent = full = i = 0
        t0 = time.monotonic()
        while (t := time.monotonic()) - t0 < secs:
            for _ in range(32):
                try:
                    await fn(i)
                    sent += 1
                    i += 1
                except RingFull:
                    full += 1
                    await asyncio.sleep(0)
        return {"sent": sent, "full": full, "secs": t - t0}

    async def signals(self, pids, secs, rate=0):
        def f(i):
            return self.conn.push_signal(pids[i % len(pids)], "v", now_us())

        return await (self._paced(rate, secs, f) if rate else self._flat_out(secs, f))

    async def audio(self, pids, secs, rate=0, samples=480):
        data = b"\0\0\0\0" * samples

        def f(i):
            return self.conn.push_audio(pids[i % len(pids)], "a", now_us(), 48000, 1, samples, data)

        return await (self._paced(rate, secs, f) if rate else self._flat_out(secs, f))

    async def frames(self, pids, secs, rate, w, h, fmt):
        import numpy as np

        n = frame_bytes(w, h, fmt)
        bufs = [np.full(n, i + 1, np.uint8).tobytes() for i in range(8)]

        def f(i):
            return self.conn.push_frame(pids[i % len(pids)], "v", w, h, fmt, bufs[i % 8], now_us())

        return await self._paced(rate, secs, f)

    async def fetch(self, pid, secs, think=0.0, hold=0.0):
        """Closed loop of request_frame; every buffer is checked to be of one value."""
        import numpy as np

        lat, none, torn, changed, reported, nbytes, age = [], 0, 0, 0, 0, 0, []
        t0 = time.monotonic()
        c0 = cpu_s()
        while time.monotonic() - t0 < secs:
            t = now_us()
            r = await self.agent.request_frame(pid, "v")
            if r is None:
                none += 1
                await asyncio.sleep(0.002)
                continue
            lat.append(now_us() - t)
            _, pts, buf, release = r
            age.append(now_us() - pts)
            v = np.frombuffer(buf, np.uint8)
            nbytes, first = v.size, int(v[0])
            if hold:
                await asyncio.sleep(hold)
            bad = v[0] != v[-1] or v[0] != v[v.size // 2]
            other = v[0] != first  # another frame under our feet
            del v
            if release() is False:
                reported += 1
            else:
                torn += bool(bad)
                changed += bool(other)
            del buf, r
            await asyncio.sleep(think)
        return {
            "lat": summary(lat),
            "none": none,
            "torn": torn,
            "changed": changed,
            "reported": reported,
            "bytes": nbytes,
            "age": summary(age),
            "rate": len(lat) / (time.monotonic() - t0),
            "cpu": cpu_s() - c0,
            "rss": rss_mb(),
        }

    async def ret_burst(self, pid, n, samples=480, rate=0, flush_after=False):
        data = b"\0\0\0\0" * samples

        def f(i):
            return self.agent.send_return_audio(pid, now_us(), 48000, 1, samples, data)

        if rate:
            return await self._paced(rate, n / rate, f)
        t0 = time.monotonic()
        for i in range(n):
            await f(i)
        t = now_us()
        if flush_after:
            await self.agent.flush(pid)
        return {"secs": time.monotonic() - t0, "flush_sent": t}

    async def rubbish(self, kind, n=1):
        import zmq

        s = zmq.Context.instance().socket(zmq.PUSH)
        s.connect(self.a.raw_inlet())
        m = {
            "empty": lambda: b"",
            "random": lambda: os.urandom(200),
            "unknown": self.a.encode_unknown,
            "truncated": lambda: b"\x01\x99\x00",
            "big": lambda: self.a.encode_big(10_000_000),
        }[kind]
        for _ in range(n):
            s.send(m())
        await asyncio.sleep(0.2)
        s.close(linger=1000)

    async def block(self, secs):
        time.sleep(secs)  # noqa: ASYNC251 - the stall is what is measured

    async def main(self):
        loop = asyncio.get_running_loop()
        r = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(r), sys.stdin)
        out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        out.write('{"ready":1}\n')
        out.flush()
        while line := await r.readline():
            req = json.loads(line)
            cmd = req.pop("cmd")
            if cmd == "quit":
                break
            try:
                res = {"ok": await getattr(self, cmd)(**req)}
            except Exception as e:  # reported to the driver, not hidden
                res = {"error": f"{type(e).__name__}: {e}"}
            out.write(json.dumps(res) + "\n")
            out.flush()
        for x in (self.agent, self.conn):
            if x:
                await x.stop()
        await self.a.stop_hub()


def load_adapter(spec: str, workdir: str, opts: dict) -> Adapter:
    """Return an adapter by the name it has in `ADAPTERS`, or as ``module:Class``."""
    module, _, name = ADAPTERS.get(spec, spec).partition(":")
    return getattr(importlib.import_module(module), name)(workdir, opts)


if __name__ == "__main__":
    adapter = load_adapter(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    adapter.install_loop()
    asyncio.run(Worker(adapter).main())
