"""How long the demo takes until everything is ready, beside the least that its own work allows on this machine."""

from __future__ import annotations

import re
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from kit.stack import running_stack

__all__ = ("DemoStart", "measure_demo")

_READY = re.compile(r"│ (\S+) is ready after ([0-9.]+) s")
_SLOWEST = 5


@dataclass(frozen=True)
class DemoStart:
    """One start. ``cpu_s`` is the processor time of all processes of the stack until it was ready."""

    wall_s: float
    cpu_s: float
    role_s: dict[str, float]

    @property
    def limit_s(self) -> float:
        """The least wall time in which these cores can do that much work."""
        return self.cpu_s / (psutil.cpu_count() or 1)


def measure_demo(runs: int) -> list[DemoStart]:
    """Start the demo so many times."""
    return [_start() for _ in range(runs)]


def report(starts: list[DemoStart]) -> str:
    """Return the figures in words."""
    middle = sorted(starts, key=lambda start: start.wall_s)[len(starts) // 2]
    slowest = sorted(middle.role_s.items(), key=lambda each: -each[1])[:_SLOWEST]
    ratio = statistics.median(start.wall_s / start.limit_s for start in starts)
    lines = [
        f"all roles ready after {middle.wall_s:.1f} s (of {len(starts)} starts: "
        f"{min(start.wall_s for start in starts):.1f}–{max(start.wall_s for start in starts):.1f} s)",
        f"their work until then takes {middle.cpu_s:.1f} s of processor time: at best {middle.limit_s:.1f} s on "
        f"{psutil.cpu_count()} cores; ratio {ratio:.2f}",
        "slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest),
    ]
    return "\n".join(lines)


def _start() -> DemoStart:
    began_s = time.monotonic()
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        wall_s = time.monotonic() - began_s
        cpu_s = sum(_cpu_s(process) for process in stack.processes())
        return DemoStart(wall_s, cpu_s, {name: float(seconds) for name, seconds in _READY.findall(stack.output)})


def _cpu_s(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])  # its own and that of children it has waited for
    except psutil.Error:
        return 0.0
