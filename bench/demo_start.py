"""How long the demo takes until everything is ready, beside the least that its own work allows on this machine."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from figures import Figure, most
from hub_slices import progress

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from kit.stack import running_stack

__all__ = ("measure_demo_start",)

_READY = re.compile(r"│ (\S+) is ready after ([0-9.]+) s")
_SLOWEST = 3
_CORES = psutil.cpu_count() or 1
_READY_MUST_S = 15.0


@dataclass(frozen=True)
class _Start:
    """One start. ``cpu_s`` is the processor time of all processes of the stack until it was ready."""

    wall_s: float
    cpu_s: float
    role_s: dict[str, float]


def measure_demo_start(*, is_quick: bool) -> list[Figure]:
    """``xrstack up`` with the embedded profile until every role is ready, beside processor time ÷ cores.

    The base is all processor time that the stack's processes used until then, spread evenly over all cores: what no
    order of starting could beat without doing less. Roles are those that were ready last.
    """
    starts = []
    for number in range(runs := 1 if is_quick else 3):
        progress(f"the demo's start: {number + 1} of {runs}")
        starts.append(_start())
    limits, walls = [start.cpu_s / _CORES for start in starts], [start.wall_s for start in starts]
    figures = [Figure("demo", "demo, all roles ready", "s", walls, limits, "its work ÷ cores", most(_READY_MUST_S))]
    slowest = sorted(starts[0].role_s.items(), key=lambda each: -each[1])[:_SLOWEST]
    for name, _ in slowest:
        seconds = [start.role_s[name] for start in starts if name in start.role_s]
        figures.append(Figure("demo", f"demo, {name} ready", "s", seconds))
    return figures


def _start() -> _Start:
    began_s = time.monotonic()
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        wall_s = time.monotonic() - began_s
        cpu_s = sum(_cpu_s(process) for process in stack.processes())
        return _Start(wall_s, cpu_s, {name: float(seconds) for name, seconds in _READY.findall(stack.output)})


def _cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))  # its own and that of children it has waited for
    except psutil.Error:
        return 0.0
