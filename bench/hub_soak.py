#!/usr/bin/env python3
"""Eight real participants with video on one hub, one toggling their camera: nothing may grow.

    python bench/hub_soak.py [--seconds 60] [--participants 8] [--toggles 100]

Prints a line per sample and a verdict; exits 1 when tasks, files, video memory or resident memory grew.
Needs a livekit-server: $LIVEKIT_SERVER_BIN, PATH or deps/livekit-server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from xr_ai_agent import FrameSignal, ProcessorEndpoint
from xr_ai_client import Participant

ROOT = Path(__file__).resolve().parent.parent
_FPS, _SIZE = 15.0, (360, 640)
_SAMPLE_S = 5.0
_START_LIMIT_S, _LIMIT_S, _POLL_S = 60.0, 30.0, 0.2
# What allocators and codecs still fetch after the first seconds; a leak of one frame per toggle is 35 MB.
_RESIDENT_MARGIN_MB = 20.0
_TASKS_MARGIN, _FILES_MARGIN = 2, 3
_SHOWN = ("video_tracks", "ring_bytes", "tasks", "video_fps", "video_fps_min", "dropped.in")


def main() -> int:
    """Run the soak and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long everybody stays")
    parser.add_argument("--participants", type=int, default=8, help="how many people with a camera")
    parser.add_argument("--toggles", type=int, default=100, help="how often one more switches theirs on and off")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _hub(Path(folder)) as hub:
        return asyncio.run(_soak(hub, options))


async def _soak(hub: dict[str, Any], options: argparse.Namespace) -> int:
    endpoint = ProcessorEndpoint(sub_addr=hub["hub_sub_addr"], push_addr=hub["hub_push_addr"])

    async def fetch(signal: FrameSignal) -> None:
        await endpoint.request_frame(signal)

    endpoint.on_frame(fetch)
    listening = asyncio.create_task(endpoint.run())
    async with httpx2.AsyncClient(base_url=hub["url"]) as http:
        empty = await _metrics(http)
        async with AsyncExitStack() as people:
            for number in range(options.participants):
                person = await people.enter_async_context(await Participant.join(hub["url"], f"person-{number}"))
                await person.open_camera(_picture(number), _FPS)
            toggler = await people.enter_async_context(await Participant.join(hub["url"], "toggler"))
            await _toggle(toggler, 5)
            early = await _sample(http, options.participants)
            toggling = asyncio.create_task(_toggle(toggler, options.toggles))
            await _watch(http, options.seconds)
            await toggling
            late = await _sample(http, options.participants)
        gone = await _until(http, lambda now: now["xr_hub_participants"] == 0)
    endpoint.stop()
    await listening
    return _verdict(empty, early, late, gone, options)


async def _toggle(person: Participant, times: int) -> None:
    for number in range(times):
        camera = await person.open_camera(_picture(number), _FPS)
        await asyncio.sleep(3 / _FPS)
        await person.close_camera(camera)


async def _watch(http: httpx2.AsyncClient, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(_SAMPLE_S)
        now = await _metrics(http)
        shown = "  ".join(f"{name} {now[f'xr_hub_{name}']:.0f}" for name in _SHOWN if f"xr_hub_{name}" in now)
        _say(f"{shown}  resident {now['process_resident_memory_bytes'] / 1e6:.0f} MB")


async def _sample(http: httpx2.AsyncClient, tracks: int) -> dict[str, float]:
    """Return the metrics once exactly the constant tracks are read."""
    return await _until(http, lambda now: now["xr_hub_video_tracks"] == tracks)


async def _until(http: httpx2.AsyncClient, condition: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    async with asyncio.timeout(_LIMIT_S):
        while True:
            now = await _metrics(http)
            if condition(now):
                return now
            await asyncio.sleep(_POLL_S)


async def _metrics(http: httpx2.AsyncClient) -> dict[str, float]:
    families = text_string_to_metric_families((await http.get("/metrics")).text)
    samples = [sample for family in families for sample in family.samples]
    return {".".join([each.name.removesuffix("_total"), *each.labels.values()]): each.value for each in samples}


def _verdict(
    empty: dict[str, float],
    early: dict[str, float],
    late: dict[str, float],
    gone: dict[str, float],
    options: argparse.Namespace,
) -> int:
    resident = (late["process_resident_memory_bytes"] - early["process_resident_memory_bytes"]) / 1e6
    cpu_s = late["process_cpu_seconds"] - early["process_cpu_seconds"]
    elapsed_s = late["xr_hub_uptime_seconds"] - early["xr_hub_uptime_seconds"]
    found = {
        f"tasks grew from {early['xr_hub_tasks']:.0f} to {late['xr_hub_tasks']:.0f}": late["xr_hub_tasks"]
        > early["xr_hub_tasks"] + _TASKS_MARGIN,
        f"open files grew from {early['process_open_fds']:.0f} to {late['process_open_fds']:.0f}": late[
            "process_open_fds"
        ]
        > early["process_open_fds"] + _FILES_MARGIN,
        f"video memory grew to {late['xr_hub_ring_bytes']:.0f} bytes": late["xr_hub_ring_bytes"]
        > early["xr_hub_ring_bytes"],
        f"resident memory grew by {resident:.0f} MB": resident > _RESIDENT_MARGIN_MB,
        "video memory stayed after everybody left": gone["xr_hub_ring_bytes"] > empty["xr_hub_ring_bytes"],
    }
    faults = [text for text, is_so in found.items() if is_so]
    _say(
        f"{options.participants} participants, {options.toggles} toggles, {elapsed_s:.0f} s: hub "
        f"{100 * cpu_s / elapsed_s:.0f} % of a core, resident {resident:+.1f} MB, tasks "
        f"{early['xr_hub_tasks']:.0f} → {late['xr_hub_tasks']:.0f}, files {early['process_open_fds']:.0f} → "
        f"{late['process_open_fds']:.0f}: {'; '.join(faults) or 'flat'}"
    )
    return 1 if faults else 0


@contextmanager
def _hub(folder: Path) -> Iterator[dict[str, Any]]:
    config = {
        "web_server_host": "127.0.0.1",
        "web_server_tls": False,
        "node_ip": "127.0.0.1",
        "token_rate_per_minute": 0,
        "hub_push_addr": f"ipc://{folder}/in",
        "hub_sub_addr": f"ipc://{folder}/pub",
        **{key: _free_port() for key in ("web_server_port", "lk_port_ws", "lk_port_tcp", "lk_port_udp")},
    }
    path, ready = folder / "hub.yaml", folder / "ready"
    path.write_text(json.dumps(config))
    found = ROOT / "deps/livekit-server/server"
    environment = ({"LIVEKIT_SERVER_BIN": str(found)} if found.exists() else {}) | dict(os.environ)
    command = [sys.executable, "-m", "xr_media_hub", "--config", str(path), "--ready-file", str(ready)]
    process = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the hub did not start")
            time.sleep(0.05)
        yield {**config, "url": f"http://127.0.0.1:{config['web_server_port']}"}
    finally:
        process.terminate()
        process.wait(_LIMIT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _picture(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((*_SIZE, 3), 40 + number * 20 % 200, np.uint8)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
