"""How much memory of the graphics cards each process holds, asked of NVML in a thread, since the driver may be slow."""

from __future__ import annotations

import os
import threading

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ("GpuMemory", "read_gpu_memory")

_DRIVER = "/proc/driver/nvidia/version"


class GpuMemory:
    """The newest reading; asking for the next one never waits. Without a driver it stays empty and costs nothing."""

    def __init__(self) -> None:
        self.by_pid: dict[int, int] = {}
        """Bytes on all cards together, of each process that holds any."""
        self._wanted = threading.Event()
        self._is_possible = os.path.exists(_DRIVER)
        self._thread: threading.Thread | None = None

    def refresh(self) -> None:
        """Have a new reading made."""
        if not self._is_possible:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="gpu-memory", daemon=True)
            self._thread.start()
        self._wanted.set()

    def _work(self) -> None:
        try:
            import pynvml as nvml
        except ImportError:
            return
        try:
            nvml.nvmlInit()
            while self._wanted.wait():
                self._wanted.clear()
                self.by_pid = read_gpu_memory(nvml)
        except nvml.NVMLError:
            self.by_pid = {}  # the driver went away, or is none: the column goes


def read_gpu_memory(nvml: Any) -> dict[int, int]:
    """Return the bytes that each process holds on all cards; NVML must be initialised.

    Raises:
        NVMLError: the driver does not answer.
    """
    found: dict[int, int] = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        card = nvml.nvmlDeviceGetHandleByIndex(index)
        on_card: dict[int, int] = {}
        for process in (*_ask(nvml, "Compute", card), *_ask(nvml, "Graphics", card)):
            if process.usedGpuMemory:
                # The same figure comes from both questions for a program that computes and draws.
                on_card[process.pid] = max(on_card.get(process.pid, 0), int(process.usedGpuMemory))
        for pid, size_bytes in on_card.items():
            found[pid] = found.get(pid, 0) + size_bytes
    return found


def _ask(nvml: Any, kind: str, card: Any) -> list[Any]:
    try:
        return list(getattr(nvml, f"nvmlDeviceGet{kind}RunningProcesses")(card))
    except nvml.NVMLError_NotSupported:
        return []
