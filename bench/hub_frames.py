"""An agent gets the newest frame of a running camera, beside a plain copy of the same bytes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from figures import Figure, most
from hub_adapters import frame_bytes
from hub_rig import Rig, rigs
from hub_slices import Slices, in_turns, or_infinite, total, values

__all__ = ("frame_rows", "measure_frames")

_PART = "frames"
_BASE = "floor-ask"
# The same hub, and an agent that is given pixels of its own.
_COPYING = "ours-copy"
_SLICE_S = 0.6
_STILL_S = 0.3
_THINK_S = 0.001
_CAMERA_FPS = 30
# At every size, with pixels of the agent's own and read in place. Where memory is so slow, or the frame so large, that
# the plain copy alone takes a third of that, pixels of its own may instead take twice the copy.
_P50_MUST_US = 300
_SLOW_COPY_US, _SLOW_COPY_MUST_RATIO = 100, 2.0
# A twentieth of the 3.13 ms and 7.26 ms of the system that this one is measured against.
_SIZES = (("720p I420", 1280, 720, "I420", 157.0), ("1080p I420", 1920, 1080, "I420", 363.0))
_LARGEST = ("1080p RGB24", 1920, 1080, "RGB24", 728.0)


def measure_frames(subjects: Sequence[str], *, is_quick: bool) -> list[Figure]:
    """request_frame again and again, 1 ms apart, while a camera sends 30/s; every frame is checked to be one picture.

    It gives pixels of the agent's own unless told otherwise; "in place" is without the copy. ``floor-ask`` is a request
    to the hub and 28 bytes back, with no checks. The plain copy is numpy's, to the same place each time, made by the
    same process at once after each slice and in the same rhythm: what was not touched for a millisecond takes longer.
    Processor time is that of fetching a still frame in place, as fast as it goes.
    """
    figures = []
    with rigs((_BASE, *subjects, _COPYING), Rig) as started:
        for name, width, height, fmt, cpu_must_us in (*_SIZES, _LARGEST):
            slices = in_turns(
                started,
                lambda rig, size=(width, height, fmt): _fetch(rig, *size),
                3 if is_quick else 8,
                f"frames of {name}",
            )
            figures += frame_rows(slices, name, cpu_must_us, subjects)
    return figures


def _fetch(rig: Rig, width: int, height: int, fmt: str) -> dict[str, Any]:
    rig.agent("clear")
    rig.connector.post("frames", pids=["p0"], secs=_SLICE_S + 0.2, rate=_CAMERA_FPS, w=width, h=height, fmt=fmt)
    rig.until_received(rig.agent, "frames", 1)
    got = rig.agent("fetch", pid="p0", secs=_SLICE_S, think=_THINK_S)
    rig.connector.get()
    before_s = rig.hub("cpu")
    still = rig.agent("fetch", pid="p0", secs=_STILL_S)
    hub_s = rig.hub("cpu") - before_s
    bad = got["torn"] + got["changed"] + got["none"]
    return {
        "p50": or_infinite(got["lat"]["p50"]),
        "p99": or_infinite(got["lat"]["p99"]),
        "bad": bad,
        "hub_us": 1e6 * hub_s / max(1, still["lat"]["n"]),
        "agent_us": 1e6 * still["cpu"] / max(1, still["lat"]["n"]),
        "copy": rig.agent("copy", size=frame_bytes(width, height, fmt), think=_THINK_S),
    }


def frame_rows(slices: Slices, name: str, cpu_must_us: float, subjects: Sequence[str]) -> list[Figure]:
    """Return the rows of one size of frames."""
    ours = subjects[0]
    copied, copy = values(slices, _COPYING, "p50"), values(slices, _COPYING, "copy")
    is_slow = bool(copy) and statistics.median(copy) > _SLOW_COPY_US
    copied_must = most(_P50_MUST_US, or_ratio=_SLOW_COPY_MUST_RATIO if is_slow else None)

    def row(text: str, key: str, base: str, base_key: str, base_name: str, must: Any = None) -> Figure:
        peer = values(slices, subjects[-1], key) if len(subjects) > 1 else ()
        found = (values(slices, ours, key), values(slices, base, base_key), base_name, must, peer)
        return Figure(_PART, f"frame {text}, {name}", "µs" if key != "bad" else "", *found)

    return [
        Figure(_PART, f"frame fetch p50, {name}", "µs", copied, copy, "copy", copied_must),
        row("fetch p50 in place", "p50", _BASE, "p50", _BASE, most(_P50_MUST_US)),
        row("fetch p99 in place", "p99", _BASE, "p99", _BASE),
        row("fetch p50 in place beside a copy", "p50", ours, "copy", "copy"),
        row("fetch in place, hub CPU", "hub_us", _BASE, "hub_us", _BASE, most(cpu_must_us)),
        row("fetch in place, agent CPU", "agent_us", _BASE, "agent_us", _BASE),
        *(
            Figure(_PART, f"frame {text}, {name}", "", [total(slices, subject, "bad")], must=most(0))
            for text, subject in (
                ("torn, changed or missing", _COPYING),
                ("in place torn, changed or missing", ours),
            )
        ),
    ]
