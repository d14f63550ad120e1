"""One process of a measurement: plays hub, connector or agent and answers a JSON line per command."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from child import serve
from hub_adapters import Adapter, ConnectorAdapter, ProcessorAdapter, RingFull, frame_bytes, now_us
from hub_numbers import cpu_s, median_of, resident_mb, summary

ADAPTERS = {
    "ours": "hub_ours:OurAdapter",
    "ours-copy": "hub_ours:OurCopyingAdapter",
    "floor": "hub_floor:FloorAdapter",
    "floor-ask": "hub_floor:FloorAskAdapter",
}
_PICTURES = 8
_BATCH = 32
_SOUND_SAMPLES = 480  # 10 ms


class Player:
    """Plays any of the roles. Every public method is a command."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._connector: ConnectorAdapter | None = None
        self._agent: ProcessorAdapter | None = None
        self._ever_heard: set[str] = set()
        self._reset()

    # --- becoming somebody ---

    async def start_hub(self) -> None:
        """Serve."""
        await self._adapter.start_hub()

    async def start_conn(self) -> None:
        """Be a connector of the hub in this process or, if there is none, of the hub elsewhere."""
        self._connector = await self._adapter.connector()
        self._connector.on_return_audio(self._on_return)
        self._connector.on_flush(lambda pid: self._flushes.append((now_us(), len(self._latencies["ret"]))))
        await self._connector.announce()

    async def start_agent(self) -> None:
        """Be an agent."""
        self._agent = await self._adapter.processor()
        self._agent.on_frame(self._on_frame)
        self._agent.on_audio(self._on_audio)

    async def subscribe(self, pids: list[str]) -> None:
        """As agent: listen to these."""
        for pid in pids:
            self.agent.subscribe(pid)

    async def join(self, pids: list[str]) -> None:
        """As connector: these are here."""
        for pid in pids:
            await self.connector.join(pid)

    async def leave(self, pids: list[str]) -> None:
        """As connector: these are gone."""
        for pid in pids:
            await self.connector.leave(pid)

    # --- what came so far ---

    async def cpu(self) -> float:
        """Return the processor time of this process."""
        return cpu_s()

    async def received(self, kind: str) -> int:
        """Return how many "frames", "audio" or "ret" (speech to participants) came since `clear`."""
        return len(self._latencies[kind])

    async def heard_pids(self) -> int:
        """Return from how many participants anything ever came."""
        return len(self._ever_heard)

    async def stats(self) -> dict[str, Any]:
        """Return latencies and counts since `clear`."""
        return {
            **{kind: summary(self._latencies[kind]) for kind in ("frames", "audio", "ret")},
            "gaps": self._gaps,
            "flush": self._flushes,
            "cancelled": self._connector.cancelled() - self._cancelled_before if self._connector else 0,
            "cpu": cpu_s(),
            "rss": resident_mb(),
            "per_pid": dict(list(self._per_pid.items())[:4]),
        }

    async def clear(self) -> None:
        """Begin to count anew."""
        self._reset()

    # --- sending ---

    async def signals(self, pids: list[str], secs: float, rate: float = 0) -> dict[str, Any]:
        """As connector: send frame signals in turn for these; without a rate as fast as it goes."""

        def send(number: int) -> Awaitable[None]:
            return self.connector.push_signal(pids[number % len(pids)], "v", now_us())

        return await (self._paced(rate, secs, send) if rate else self._flat_out(secs, send))

    async def audio(self, pids: list[str], secs: float, rate: float = 0) -> dict[str, Any]:
        """As connector: send 10 ms chunks in turn for these; without a rate as fast as it goes."""
        data = b"\0\0\0\0" * _SOUND_SAMPLES

        def send(number: int) -> Awaitable[None]:
            pid = pids[number % len(pids)]
            return self.connector.push_audio(pid, "a", now_us(), 48_000, 1, _SOUND_SAMPLES, data)

        return await (self._paced(rate, secs, send) if rate else self._flat_out(secs, send))

    async def frames(self, pids: list[str], secs: float, rate: float, w: int, h: int, fmt: str) -> dict[str, Any]:
        """As connector: send pictures of one value each."""
        size = frame_bytes(w, h, fmt)
        pictures = [np.full(size, number + 1, np.uint8).tobytes() for number in range(_PICTURES)]

        def send(number: int) -> Awaitable[None]:
            pid = pids[number % len(pids)]
            return self.connector.push_frame(pid, "v", w, h, fmt, pictures[number % _PICTURES], now_us())

        return await self._paced(rate, secs, send)

    async def ret_burst(self, pid: str, n: int, rate: float = 0, flush_after: bool = False) -> dict[str, Any]:
        """As agent: send speech, all at once or at a rate, and perhaps a flush behind it."""
        data = b"\0\0\0\0" * _SOUND_SAMPLES

        def send(_: int) -> Awaitable[None]:
            return self.agent.send_return_audio(pid, now_us(), 48_000, 1, _SOUND_SAMPLES, data)

        if rate:
            return await self._paced(rate, n / rate, send)
        started = time.monotonic()
        for number in range(n):
            await send(number)
        sent_us = now_us()
        if flush_after:
            await self.agent.flush(pid)
        return {"secs": time.monotonic() - started, "flush_sent": sent_us}

    async def rubbish(self, kind: str, n: int = 1) -> None:
        """Throw something at the hub's inlet that no peer would send."""
        import zmq

        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        inlet = self._adapter.raw_inlet()
        assert inlet is not None
        socket.connect(inlet)
        make: dict[str, Callable[[], bytes | None]] = {
            "empty": lambda: b"",
            "random": lambda: os.urandom(200),
            "unknown": self._adapter.encode_unknown,
            "truncated": lambda: b"\x01\x99\x00",
            "big": lambda: self._adapter.encode_big(10_000_000),
        }
        for _ in range(n):
            socket.send(make[kind]() or b"")
        await asyncio.sleep(0.2)
        socket.close(linger=1000)

    # --- reading ---

    async def fetch(self, pid: str, secs: float, think: float = 0.0, hold: float = 0.0) -> dict[str, Any]:
        """As agent: get the newest frame again and again; each is checked to be one picture throughout."""
        latencies: list[int] = []
        ages: list[int] = []
        counts: dict[str, int] = defaultdict(int)
        started, cpu_before = time.monotonic(), cpu_s()
        while time.monotonic() - started < secs:
            asked_us = now_us()
            frame = await self.agent.request_frame(pid, "v")
            if frame is None:
                counts["none"] += 1
                await asyncio.sleep(0.002)
                continue
            latencies.append(now_us() - asked_us)
            _, pts_us, pixels, is_good = frame
            ages.append(now_us() - pts_us)
            await _examine(pixels, is_good, hold, counts)
            del pixels, frame
            await asyncio.sleep(think)
        return {
            "lat": summary(latencies),
            "age": summary(ages),
            **{name: counts[name] for name in ("none", "torn", "changed", "reported")},
            "rate": len(latencies) / (time.monotonic() - started),
            "cpu": cpu_s() - cpu_before,
            "rss": resident_mb(),
        }

    async def copy(self, size: int, think: float = 0.0, times: int = 30) -> float:
        """Return how long a plain copy of so many bytes takes, in µs, with a pause after each as between fetches."""
        source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
        np.copyto(target, source)
        took = []
        for _ in range(times):
            started = time.perf_counter()
            np.copyto(target, source)
            took.append(1e6 * (time.perf_counter() - started))
            await asyncio.sleep(think)
        return median_of(took)

    async def block(self, secs: float) -> None:
        """Do nothing, and let nothing else run either."""
        time.sleep(secs)  # noqa: ASYNC251 - the stall is what is measured

    # --- private ---

    @property
    def connector(self) -> ConnectorAdapter:
        assert self._connector is not None
        return self._connector

    @property
    def agent(self) -> ProcessorAdapter:
        assert self._agent is not None
        return self._agent

    def _reset(self) -> None:
        self._latencies: dict[str, list[int]] = {"frames": [], "audio": [], "ret": []}
        self._cancelled_before = self._connector.cancelled() if self._connector else 0
        self._last_seq: dict[tuple[str, str], int] = {}
        self._gaps = 0
        self._flushes: list[tuple[int, int]] = []
        self._per_pid: dict[str, int] = defaultdict(int)

    def _on_frame(self, pid: str, track: str, seq: int, pts_us: int) -> None:
        self._latencies["frames"].append(now_us() - pts_us)
        last = self._last_seq.get((pid, track))
        if last is not None and seq > last + 1:
            self._gaps += seq - last - 1
        self._last_seq[(pid, track)] = seq
        self._per_pid[pid] += 1

    def _on_audio(self, pid: str, track: str, pts_us: int, size: int) -> None:
        self._latencies["audio"].append(now_us() - pts_us)
        self._per_pid[pid] += 1
        self._ever_heard.add(pid)

    def _on_return(self, pid: str, pts_us: int, size: int) -> None:
        self._latencies["ret"].append(now_us() - pts_us)

    async def _paced(self, rate: float, secs: float, send: Callable[[int], Awaitable[Any]]) -> dict[str, Any]:
        count, full, started = max(1, int(rate * secs)), 0, time.monotonic()
        for number in range(count):
            wait_s = started + number / rate - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                await send(number)
            except RingFull:
                full += 1
        return {"sent": count - full, "full": full, "secs": time.monotonic() - started}

    async def _flat_out(self, secs: float, send: Callable[[int], Awaitable[Any]]) -> dict[str, Any]:
        sent = full = 0
        started = time.monotonic()
        while (now := time.monotonic()) - started < secs:
            for _ in range(_BATCH):
                try:
                    await send(sent)
                    sent += 1
                except RingFull:
                    full += 1
                    await asyncio.sleep(0)
        return {"sent": sent, "full": full, "secs": now - started}

    async def play(self) -> None:
        """Answer commands until told to quit, and take leave."""
        await serve(self)
        for endpoint in (self._agent, self._connector):
            if endpoint is not None:
                await endpoint.stop()
        await self._adapter.stop_hub()


async def _examine(pixels: Any, is_good: Callable[[], bool | None], hold: float, counts: dict[str, int]) -> None:
    view = np.frombuffer(pixels, np.uint8)
    first = int(view[0])
    if hold:
        await asyncio.sleep(hold)
    is_torn = view[0] != view[-1] or view[0] != view[view.size // 2]
    is_other = view[0] != first  # another frame under our feet
    if is_good() is False:
        counts["reported"] += 1
    else:
        counts["torn"] += bool(is_torn)
        counts["changed"] += bool(is_other)


def load_adapter(spec: str, folder: str, options: dict[str, Any]) -> Adapter:
    """Return an adapter by the name it has in `ADAPTERS`, or as ``module:Class``."""
    module, _, name = ADAPTERS.get(spec, spec).partition(":")
    adapter: Adapter = getattr(importlib.import_module(module), name)(folder, options)
    return adapter


if __name__ == "__main__":
    chosen = load_adapter(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    chosen.install_loop()
    asyncio.run(Player(chosen).play())
