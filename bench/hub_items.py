"""What is measured, cell by cell: signals, frame fetches, audio. A cell is a function of a spec and a topology."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from hub_adapters import frame_bytes
from hub_faults import faults
from hub_numbers import pct
from hub_rig import Rig

Figures = dict[str, dict]
Cell = Callable[[str, str, bool], Figures]

_PACED_RATES = (30, 120, 1000)
_LOSSLESS_RATES = (5_000, 10_000, 20_000, 30_000, 40_000)
# A sender that needs longer for one second of messages does not hold the rate.
_LOSSLESS_MAX_S = 1.15
_SIZES = ((1280, 720), (1920, 1080))
_BURSTS = (500, 2_000, 10_000)


def signal(participants: int, spec: str, topology: str, quick: bool) -> Figures:
    """Latency at three rates, flat out, and the highest rate of which nothing is lost."""
    pids = [f"p{i}" for i in range(participants)]
    rig = Rig(spec, topology, pids=pids, slots=2 * participants + 62, max_frame_bytes=4096)
    out = {f"n{participants}_r{rate}": _paced_signals(rig, pids, rate, 1.5 if quick else 4.0) for rate in _PACED_RATES}
    out[f"n{participants}_max"] = _flat_out_signals(rig, pids, 1.0 if quick else 3.0)
    if participants in (1, 32, 128):
        out[f"n{participants}_lossless"] = {"best_per_s": _lossless_rate(rig, pids)}
    rig.close()
    return out


def _paced_signals(rig: Rig, pids: list[str], rate: int, seconds: float) -> dict:
    agent = rig.agents[0]
    agent("clear")
    before = rig.cpu()
    sent = rig.conn("signals", pids=pids, secs=seconds, rate=rate)
    time.sleep(0.2)
    frames, after = agent("stats")["frames"], rig.cpu()
    return {
        "p50_us": frames["p50"],
        "p99_us": frames["p99"],
        "lost": sent["sent"] - frames["n"],
        "full": sent["full"],
        "cpu_us_per_msg": 1e6 * (sum(after) - sum(before)) / max(1, sent["sent"]),
    }


def _flat_out_signals(rig: Rig, pids: list[str], seconds: float) -> dict:
    agent = rig.agents[0]
    agent("clear")
    before = rig.cpu()
    sent = rig.conn("signals", pids=pids, secs=seconds)
    time.sleep(0.6)
    frames, after = agent("stats")["frames"], rig.cpu()
    return {
        "sent_per_s": sent["sent"] / sent["secs"],
        "got_per_s": frames["n"] / sent["secs"],
        "lost": sent["sent"] - frames["n"],
        "p50_us": frames["p50"],
        "cpu_us_per_msg": 1e6 * (sum(after) - sum(before)) / max(1, sent["sent"]),
    }


def _lossless_rate(rig: Rig, pids: list[str]) -> int:
    agent, best = rig.agents[0], 0
    for rate in _LOSSLESS_RATES:
        agent("clear")
        started = time.monotonic()
        sent = rig.conn("signals", pids=pids, secs=1, rate=rate)
        took = time.monotonic() - started
        time.sleep(0.4)
        if took > _LOSSLESS_MAX_S or sent["full"] or agent("stats")["frames"]["n"] < sent["sent"]:
            return best
        best = rate
    return best


def default_ring(spec: str, topology: str, quick: bool) -> Figures:
    """Does every participant's video get through with the memory a hub has by default?"""
    out = {}
    for tracks in (8, 12, 32):
        pids = [f"p{i}" for i in range(tracks)]
        rig = Rig(spec, topology, pids=pids)
        sent = rig.conn("signals", pids=pids, secs=2, rate=tracks * 30)
        time.sleep(0.2)
        got = rig.agents[0]("stats")["frames"]["n"]
        out[f"default_ring_{tracks}_tracks_30fps"] = {"sent": sent["sent"], "full": sent["full"], "got": got}
        rig.close()
    return out


def fetch(size: tuple[int, int], fmt: str, spec: str, topology: str, quick: bool) -> Figures:
    """The time to get a frame while the camera runs, and the highest rate on a still one."""
    width, height = size
    rig, seconds = Rig(spec, topology), 1.5 if quick else 3.0
    agent = rig.agents[0]
    rig.conn.post("frames", pids=["p0"], secs=seconds + 1, rate=30, w=width, h=height, fmt=fmt)
    while not agent("stats")["frames"]["n"]:
        time.sleep(0.05)
    live = agent("fetch", pid="p0", secs=seconds - 0.5, think=0.0 if quick else 0.001)
    producer = rig.conn.get()
    before = rig.cpu()
    still = agent("fetch", pid="p0", secs=seconds)
    after = rig.cpu()
    rig.close()
    count = max(1, still["lat"]["n"])
    return {
        f"{width}x{height}_{fmt}": {
            "MB": frame_bytes(width, height, fmt) / 1e6,
            "memcpy_us": _memcpy_us(frame_bytes(width, height, fmt)),
            "live_p50_us": live["lat"]["p50"],
            "live_p99_us": live["lat"]["p99"],
            "age_p50_us": live["age"]["p50"],
            "torn": live["torn"],
            "none": live["none"],
            "full": producer["full"],
            "max_per_s": still["rate"],
            "hub_cpu_s_per_1000": 1000 * (after[0] - before[0]) / count,
            "agent_cpu_s_per_1000": 1000 * (after[-1] - before[-1]) / count,
            "agent_rss_mb": still["rss"],
        }
    }


def _memcpy_us(size_bytes: int) -> float | None:
    source, target, times = np.ones(size_bytes, np.uint8), np.empty(size_bytes, np.uint8), []
    np.copyto(target, source)
    for _ in range(50):
        started = time.perf_counter()
        np.copyto(target, source)
        times.append(1e6 * (time.perf_counter() - started))
    return pct(times, 0.5)


def fetch_among_others(spec: str, topology: str, quick: bool) -> Figures:
    """Does one agent's fetch cost the others? Does a frame that is held stay what it was?"""
    out = {}
    rig = Rig(spec, topology, agents=3)
    rig.conn("frames", pids=["p0"], secs=0.3, rate=30, w=1280, h=720, fmt="I420")
    before = [agent("stats")["cpu"] for agent in rig.agents]
    fetched = rig.agents[0]("fetch", pid="p0", secs=2)
    after = [agent("stats")["cpu"] for agent in rig.agents]
    out["bystanders"] = {
        "fetch_per_s": fetched["rate"],
        "p50_us": fetched["lat"]["p50"],
        "cpu_fetcher": after[0] - before[0],
        "cpu_bystander": after[1] - before[1],
    }
    rig.close()
    rig = Rig(spec, topology)
    rig.conn.post("frames", pids=["p0"], secs=3, rate=120, w=640, h=360, fmt="I420")
    time.sleep(0.3)
    held = rig.agents[0]("fetch", pid="p0", secs=2, hold=0.25)
    producer = rig.conn.get()
    out["held_250ms_at_120fps"] = {
        "n": held["lat"]["n"],
        "torn": held["torn"],
        "changed": held["changed"],
        "reported": held["reported"],
        "producer_full": producer["full"],
    }
    rig.close()
    return out


def audio_in(participants: int, spec: str, topology: str, quick: bool) -> Figures:
    """Sound of participants: latency at 100 chunks/s each, and flat out."""
    pids = [f"p{i}" for i in range(participants)]
    rig = Rig(spec, topology, pids=pids)
    agent = rig.agents[0]
    sent = rig.conn("audio", pids=pids, secs=2, rate=100 * participants)
    time.sleep(0.2)
    got = agent("stats")["audio"]
    out = {
        f"in_{participants}x100_per_s": {"p50_us": got["p50"], "p99_us": got["p99"], "lost": sent["sent"] - got["n"]}
    }
    agent("clear")
    sent = rig.conn("audio", pids=pids, secs=1 if quick else 2)
    time.sleep(1)
    got = agent("stats")["audio"]["n"]
    rate = sent["sent"] / sent["secs"]
    out[f"in_max_{participants}"] = {"sent_per_s": rate, "got": got, "sent": sent["sent"], "lost": sent["sent"] - got}
    rig.close()
    return out


def audio_return(spec: str, topology: str, quick: bool) -> Figures:
    """Speech to participants: latency, and bursts whose flush must not wait behind them."""
    rig = Rig(spec, topology)
    agent = rig.agents[0]
    agent("ret_burst", pid="p0", n=200, rate=100)
    time.sleep(0.2)
    got = rig.conn("stats")["ret"]
    out = {"return_100_per_s": {"p50_us": got["p50"], "p99_us": got["p99"], "got": got["n"]}}
    for chunks in _BURSTS:
        rig.conn("clear")
        burst = agent("ret_burst", pid="p0", n=chunks, flush_after=True)
        time.sleep(1 if quick else 2)
        seen = rig.conn("stats")
        flushes = seen["flush"]
        out[f"return_burst_{chunks}"] = {
            "got": seen["ret"]["n"],
            "cancelled": seen["cancelled"],
            "lost": chunks - seen["ret"]["n"] - seen["cancelled"],
            "flush_seen": len(flushes),
            "after_flush": seen["ret"]["n"] - flushes[-1][1] if flushes else None,
            "flush_latency_ms": (flushes[0][0] - burst["flush_sent"]) / 1e3 if flushes else None,
            "send_s": burst["secs"],
        }
    rig.close()
    return out


def _fault(spec: str, topology: str, quick: bool) -> Figures:
    return faults(spec, topology)


ITEMS: dict[str, list[Cell]] = {
    "signal": [*(partial(signal, n) for n in (1, 8, 32, 128)), default_ring],
    "fetch": [
        *(partial(fetch, size, fmt) for size in _SIZES for fmt in ("I420", "NV12", "RGB24")),
        fetch_among_others,
    ],
    "audio": [partial(audio_in, 1), partial(audio_in, 32), audio_return],
    "fault": [_fault],
}
