"""Adds processor and memory figures to statuses: measured by who looks, so that the launcher stays lean."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from xr_ai_launcher._view.figures import Sampler
from xr_ai_launcher._view.gpu_memory import GpuMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xr_ai_launcher._control.model import RoleStatus, StackStatus
    from xr_ai_launcher._view.figures import Figures

__all__ = ("with_figures",)

# Processor time is counted in steps of 10 ms: a shorter look would show nothing but those.
_LOOK_S = 0.25


def with_figures(runs: Sequence[StackStatus], look_s: float = _LOOK_S) -> list[StackStatus]:
    """Return the runs with what their roles use now; takes ``look_s`` seconds if any role runs."""
    leaders = {f"{run.run_id} {role.name}": role.pid for run in runs for role in run.roles if role.pid}
    if not leaders:
        return list(runs)
    sampler, gpu_memory = Sampler(), GpuMemory()
    gpu_memory.refresh()
    sampler.read(leaders)
    time.sleep(look_s)
    figures = sampler.read(leaders, gpu_memory.by_pid)
    return [
        replace(run, roles=tuple(_measured(role, figures.get(f"{run.run_id} {role.name}")) for role in run.roles))
        for run in runs
    ]


def _measured(role: RoleStatus, figures: Figures | None) -> RoleStatus:
    if figures is None:
        return role
    return replace(
        role,
        cpu_percent=None if figures.cpu_percent is None else round(figures.cpu_percent, 1),
        memory_bytes=figures.memory_bytes,
        gpu_memory_bytes=figures.gpu_memory_bytes,
    )
