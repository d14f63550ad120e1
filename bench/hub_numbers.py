"""Percentiles, processor time and memory."""

from __future__ import annotations

import os
import resource
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ("cpu_s", "median_of", "resident_mb", "share", "summary")


def share(values: Sequence[float], part: float) -> float | None:
    """Return the value below which ``part`` of all lie."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return count, median, 99 % and maximum."""
    return {"n": len(values), "p50": share(values, 0.5), "p99": share(values, 0.99), "max": max(values, default=None)}


def median_of(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def cpu_s() -> float:
    """Return the processor time of this process, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mb() -> float:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
