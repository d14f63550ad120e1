#!/usr/bin/env python3
"""Eight real participants with video on one hub, one more toggling their camera: nothing may grow.

    python bench/hub_soak.py [--seconds 600] [--participants 8] [--toggles 100]

Prints a line per sample, then how fast each quantity grew (a straight line through the samples after the first fifth)
and a verdict; exits 1 when something grew. Needs a livekit-server: $LIVEKIT_SERVER_BIN, PATH or deps/livekit-server.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from figures import Figure, as_table, most
from hub_process import RunningHub, running_hub
from hub_slices import progress, say
from livekit import rtc
from prometheus_client.parser import text_string_to_metric_families

from xr_ai_agent import FrameSignal, ProcessorEndpoint
from xr_ai_client import ClientError, Participant

__all__ = ("measure_growth",)

_PART = "growth"
_FPS, _SIZE = 15.0, (360, 640)
_PARTICIPANTS, _TOGGLES_PER_S = 8, 0.5
_SAMPLE_S, _LIMIT_S, _POLL_S = 5.0, 60.0, 0.2
_WARM_UP_TOGGLES, _TOGGLE_FRAMES, _TOGGLE_LIMIT_S = 5, 3, 20.0
# Allocators and codecs fetch memory for the first seconds, which is no growth.
_SETTLING_SHARE = 0.2
# Over a whole run, however long. A leak of one frame per toggle would be 35 MB in 100 toggles.
_RESIDENT_MUST_MB, _TASKS_MUST, _FILES_MUST, _RINGS_MUST_MB = 20.0, 2.0, 3.0, 0.0
_SHOWN = ("video_tracks", "tasks", "video_fps", "dropped.in")
_QUICK_S, _SHORT_S = 25.0, 60.0
_CONNECTION_LOST = (TimeoutError, ClientError, rtc.participant.PublishTrackError, rtc.participant.UnpublishTrackError)

Metrics = dict[str, float]


@dataclass(frozen=True)
class _Run:
    """What a soak has seen: samples while exactly the constant cameras run or one more, and after everybody left."""

    samples: list[Metrics]
    early: Metrics
    late: Metrics
    gone: Metrics
    toggles: int
    participants: int

    @property
    def seconds(self) -> float:
        return self.late["xr_hub_uptime_seconds"] - self.early["xr_hub_uptime_seconds"]

    def slope_per_min(self, name: str) -> float:
        """Return how fast a quantity grows, by a straight line through the samples."""
        kept = self.samples[int(len(self.samples) * _SETTLING_SHARE) :]
        if len(kept) < 3:
            return 0.0
        minutes = [sample["xr_hub_uptime_seconds"] / 60 for sample in kept]
        return float(np.polyfit(minutes, [sample[name] for sample in kept], 1)[0])

    def grown(self, name: str) -> float:
        return self.late[name] - self.early[name]

    def per_s(self, name: str) -> float:
        return self.grown(name) / self.seconds


def measure_growth(*, is_quick: bool) -> list[Figure]:
    """Eight participants with a 360p15 camera each, an agent that fetches every frame, and one who toggles a camera.

    How much more the hub's process holds at the end than once all cameras run; bench/hub_soak.py does it for as long
    as one likes. The machine encodes, decodes and fetches eight videos: the rate is what its cores can do.
    """
    seconds = _QUICK_S if is_quick else _SHORT_S
    return _figures(_soak(seconds, _PARTICIPANTS, int(seconds * _TOGGLES_PER_S), progress))


def _soak(seconds: float, participants: int, toggles: int, tell: Callable[[str], None]) -> _Run:
    with tempfile.TemporaryDirectory() as folder, running_hub(Path(folder)) as hub:
        return asyncio.run(_stay(hub, seconds, participants, toggles, tell))


async def _stay(hub: RunningHub, seconds: float, count: int, toggles: int, tell: Callable[[str], None]) -> _Run:
    endpoint = ProcessorEndpoint(hub.ipc["sub_addr"], hub.ipc["push_addr"])

    async def fetch(signal: FrameSignal) -> None:
        await endpoint.request_frame(signal)

    endpoint.on_frame(fetch)
    listening = asyncio.create_task(endpoint.run())
    async with httpx2.AsyncClient(base_url=hub.url) as http:
        async with AsyncExitStack() as people:
            for number in range(count):
                person = await people.enter_async_context(await Participant.join(hub.url, f"person-{number}"))
                await person.open_camera(_picture(number), _FPS)
            toggler = _Toggler(hub.url, people)
            await toggler.toggle(_WARM_UP_TOGGLES, 0.0, _LIMIT_S)
            early = await _until(http, lambda now: now["xr_hub_video_tracks"] == count)
            toggling = asyncio.create_task(toggler.toggle(toggles, seconds / max(1, toggles), seconds))
            samples = await _watch(http, seconds, tell)
            done = await toggling
            late = await _until(http, lambda now: now["xr_hub_video_tracks"] == count)
        gone = await _until(http, lambda now: now["xr_hub_participants"] == 0)
    endpoint.stop()
    await listening
    return _Run(samples, early, late, gone, done, count)


class _Toggler:
    """Somebody who opens and closes a camera again and again."""

    def __init__(self, hub_url: str, people: AsyncExitStack) -> None:
        self._hub_url = hub_url
        self._people = people
        self._person: Participant | None = None

    async def toggle(self, times: int, period_s: float, limit_s: float) -> int:
        """Do it so often, or for so long; return how often it succeeded.

        A machine that is far too busy loses connections: then somebody of the same name comes anew.
        """
        loop = asyncio.get_running_loop()
        done, ends = 0, loop.time() + limit_s
        for number in range(times):
            due = loop.time() + period_s
            if due > ends:
                break
            try:
                async with asyncio.timeout(_TOGGLE_LIMIT_S):
                    await self._once(number)
                done += 1
            except _CONNECTION_LOST:
                if self._person is not None:
                    await self._person.aclose()
                self._person = None
            await asyncio.sleep(max(0.0, due - loop.time()))
        return done

    async def _once(self, number: int) -> None:
        if self._person is None:
            self._person = await self._people.enter_async_context(await Participant.join(self._hub_url, "toggler"))
        camera = await self._person.open_camera(_picture(number), _FPS)
        await asyncio.sleep(_TOGGLE_FRAMES / _FPS)
        await self._person.close_camera(camera)


async def _watch(http: httpx2.AsyncClient, seconds: float, tell: Callable[[str], None]) -> list[Metrics]:
    samples, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(min(_SAMPLE_S, seconds / 5))
        now = await _metrics(http)
        samples.append(now)
        shown = "  ".join(f"{name} {now[f'xr_hub_{name}']:.0f}" for name in _SHOWN if f"xr_hub_{name}" in now)
        tell(
            f"soak: {until - time.monotonic():.0f} s left  {shown}  files {now['process_open_fds']:.0f}  "
            f"resident {now['process_resident_memory_bytes'] / 1e6:.0f} MB"
        )
    return samples


async def _until(http: httpx2.AsyncClient, condition: Callable[[Metrics], bool]) -> Metrics:
    async with asyncio.timeout(_LIMIT_S):
        while True:
            now = await _metrics(http)
            if condition(now):
                return now
            await asyncio.sleep(_POLL_S)


async def _metrics(http: httpx2.AsyncClient) -> Metrics:
    families = text_string_to_metric_families((await http.get("/metrics", timeout=_LIMIT_S)).text)
    samples = [sample for family in families for sample in family.samples]
    return {".".join([each.name.removesuffix("_total"), *each.labels.values()]): each.value for each in samples}


def _figures(run: _Run) -> list[Figure]:
    people = f"{run.participants} cameras, {run.toggles} toggles, {run.seconds:.0f} s"

    def grown(name: str, metric: str, unit: str, scale: float, bound: float) -> Figure:
        return Figure(_PART, f"{name} grown, {people}", unit, [run.grown(metric) / scale], must=most(bound))

    fps = run.per_s("xr_hub_video_frames") / run.participants if "xr_hub_video_frames" in run.late else None
    rings_left = run.gone["xr_hub_ring_bytes"] / 1e6
    return [
        grown("hub memory", "process_resident_memory_bytes", "MB", 1e6, _RESIDENT_MUST_MB),
        grown("hub tasks", "xr_hub_tasks", "", 1, _TASKS_MUST),
        grown("hub open files", "process_open_fds", "", 1, _FILES_MUST),
        grown("hub video memory", "xr_hub_ring_bytes", "MB", 1e6, _RINGS_MUST_MB),
        Figure(_PART, "hub video memory after everybody left", "MB", [rings_left], must=most(0)),
        Figure(_PART, f"hub CPU, {run.participants} × 360p", "%", [100 * run.per_s("process_cpu_seconds")]),
        *([Figure(_PART, "frames per camera", "/s", [fps], [_FPS], "captured")] if fps is not None else []),
    ]


def _picture(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((*_SIZE, 3), 40 + number * 20 % 200, np.uint8)


def main() -> int:
    """Run the soak and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long everybody stays")
    parser.add_argument("--participants", type=int, default=_PARTICIPANTS, help="how many people with a camera")
    parser.add_argument("--toggles", type=int, default=100, help="how often one more switches theirs on and off")
    options = parser.parse_args()
    run = _soak(options.seconds, options.participants, options.toggles, say)
    for name, scale, unit in (
        ("process_resident_memory_bytes", 1e6, "MB"),
        ("xr_hub_tasks", 1, "tasks"),
        ("process_open_fds", 1, "files"),
        ("xr_hub_ring_bytes", 1e6, "MB of video memory"),
    ):
        say(f"slope: {run.slope_per_min(name) / scale:+.3f} {unit}/min")
    figures = _figures(run)
    say(as_table(figures))
    faults = [figure.name for figure in figures if figure.verdict == "MISS"]
    say("grew: " + ", ".join(faults) if faults else "flat")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
