"""The signalling proxy of a whole hub, beside no proxy and beside the least that a TLS proxy can do."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import trustme
from child import Child
from figures import Figure, most
from hub_process import LOOPBACK, running_hub
from hub_slices import Slices, in_turns, progress, values
from kit.processes import own_port

__all__ = ("measure_proxy",)

_PART = "proxy"
_PEER = Path(__file__).with_name("proxy_peer.py")
_ADDED_MUST_US = 50
# Where waking a process takes so long that not even a bare splice keeps that, of what the splice adds.
_SPLICE_MUST_RATIO = 1.15
_MEMORY_MUST_KB = 40
_IDLE, _WARM_UP = 500, 50
_PINGS, _FLOOD_S = 400, 0.4
_START_LIMIT_S, _END_LIMIT_S, _POLL_S = 20.0, 10.0, 0.02
_DIRECT, _FLOOR, _OURS = "direct", "bare splice", "ours"


@dataclass(frozen=True)
class _Way:
    """One way to the server: ``process`` is what it goes through."""

    port: int
    is_tls: bool
    process: psutil.Process | None


def measure_proxy(*, is_quick: bool) -> list[Figure]:
    """A 300-byte message through the TLS proxy of a running hub to an echo server and back, in a process each.

    Beside it the same without proxy and TLS, and through a bare splice (connect, then copy both ways). Throughput: 256
    KiB on the way on one connection. Memory: resident memory of the proxy before and after 500 connections of which
    each has sent a message.
    """
    with tempfile.TemporaryDirectory() as name, _three_ways(Path(name)) as (ways, client):
        pings = in_turns(ways, lambda way: _ping(client, way), 8 if is_quick else 30, "signalling proxy, latency")
        floods = in_turns(ways, lambda way: _flood(client, way), 3 if is_quick else 8, "signalling proxy, throughput")
        progress(f"signalling proxy, {_IDLE} idle connections")
        idle: Slices = {name: [_idle(client, ways[name])] for name in (_FLOOR, _OURS)}
    return _rows(pings, floods, idle)


def _rows(pings: Slices, floods: Slices, idle: Slices) -> list[Figure]:
    def row(name: str, unit: str, slices: Slices, key: str, base: str, must: Any = None) -> Figure:
        return Figure(_PART, name, unit, values(slices, _OURS, key), values(slices, base, key), base, must)

    splice_us = Figure(_PART, "", "µs", values(pings, _FLOOR, "p50"), values(pings, _DIRECT, "p50")).added or 0.0
    added_must_us = max(_ADDED_MUST_US, round(splice_us * _SPLICE_MUST_RATIO))
    return [
        row("proxy p50", "µs", pings, "p50", _DIRECT, most(added_must_us, "added")),
        row("proxy p99", "µs", pings, "p99", _DIRECT),
        row("proxy p50 beside a bare splice", "µs", pings, "p50", _FLOOR),
        row("proxy throughput", "MB/s", floods, "mb_per_s", _DIRECT),
        row("proxy throughput beside a bare splice", "MB/s", floods, "mb_per_s", _FLOOR),
        row("proxy CPU per MB", "ms", floods, "cpu_ms", _FLOOR),
        row(f"proxy memory per idle connection of {_IDLE}", "kB", idle, "kb", _FLOOR, most(_MEMORY_MUST_KB)),
        row("proxy connections opened", "/s", idle, "per_s", _FLOOR),
    ]


def _ping(client: Child, way: _Way) -> dict[str, Any]:
    found: dict[str, Any] = client("pingpong", port=way.port, tls=way.is_tls, n=_PINGS)
    return found


def _flood(client: Child, way: _Way) -> dict[str, Any]:
    before_s = _cpu_s(way.process)
    rate = client("flood", port=way.port, tls=way.is_tls, secs=_FLOOD_S)
    return {"mb_per_s": rate, "cpu_ms": 1e3 * (_cpu_s(way.process) - before_s) / (rate * _FLOOD_S)}


def _idle(client: Child, way: _Way) -> dict[str, Any]:
    assert way.process is not None
    client("idle", port=way.port, tls=way.is_tls, n=_WARM_UP)
    before = way.process.memory_info().rss
    rate = client("idle", port=way.port, tls=way.is_tls, n=_IDLE)
    grown = way.process.memory_info().rss - before
    client("end_idle")
    return {"kb": grown / 1e3 / _IDLE, "per_s": rate}


def _cpu_s(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _three_ways(folder: Path) -> Iterator[tuple[dict[str, _Way], Child]]:
    upstream, splice = own_port(), own_port()
    issued = trustme.CA().issue_cert(LOOPBACK)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    with ExitStack() as stack:
        stack.enter_context(_server("upstream", upstream))
        bare = stack.enter_context(_server("splice", splice, upstream, certificate, key))
        hub = stack.enter_context(
            running_hub(
                folder / "hub",
                livekit_url=f"ws://{LOOPBACK}:{upstream}",
                api_secret="s" * 32,
                web_server_tls=True,
                cert_file=str(certificate),
                key_file=str(key),
            )
        )
        client = stack.enter_context(Child(_PEER, "client"))
        yield (
            {
                _DIRECT: _Way(upstream, False, None),
                _FLOOR: _Way(splice, True, bare),
                _OURS: _Way(hub.port, True, hub.process),
            },
            client,
        )


@contextmanager
def _server(role: str, port: int, *arguments: object) -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, str(_PEER), role, str(port), *map(str, arguments)])
    try:
        _until_listening(port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_END_LIMIT_S)


def _until_listening(port: int) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            socket.create_connection((LOOPBACK, port), 1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
