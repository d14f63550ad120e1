"""What roles use, as read from /proc of real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import ClassVar

import pytest

from xr_ai_launcher._view.figures import Figures, Sampler, Thrift
from xr_ai_launcher._view.gpu_memory import read_gpu_memory

Start = Callable[..., subprocess.Popen[bytes]]

HOLD_64_MIB = "b = bytearray(64 << 20)\nb[::4096] = b'x' * len(b[::4096])\nprint(flush=True)\ninput()"
BUSY = "print(flush=True)\nwhile True: pass"
WITH_BUSY_CHILD = (
    "import subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-S', '-c', {BUSY!r}])\n"
    "child.wait()"
)  # fmt: skip


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python programs that say when they are where they should be."""
    processes = []

    def begin(program: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield begin
    for process in processes:
        for child in _children(process.pid):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.communicate()


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _read_until(
    sampler: Sampler, leaders: dict[str, int], fits: Callable[[dict[str, Figures]], bool]
) -> dict[str, Figures]:
    end = time.monotonic() + 20
    sampler.read(leaders)
    while True:
        time.sleep(0.1)  # time must pass: a share of it is what is measured
        figures = sampler.read(leaders)
        if fits(figures):
            return figures
        assert time.monotonic() < end, figures


def test_memory_is_what_the_process_holds(start: Start) -> None:
    figures = Sampler().read({"holder": start(HOLD_64_MIB).pid})
    assert 64 << 20 < figures["holder"].memory_bytes < 128 << 20
    assert figures["holder"].cpu_percent is None


def test_processor_time_is_told_apart(start: Start) -> None:
    leaders = {"busy": start(BUSY).pid, "idle": start(HOLD_64_MIB).pid}
    # A reading that was interrupted between its clock and the processes' shows more.
    figures = _read_until(Sampler(), leaders, lambda found: 15 < (found["busy"].cpu_percent or 0) < 115)
    assert figures["idle"].cpu_percent == 0
    assert figures["busy"].cpu_s > figures["idle"].cpu_s


def test_children_count_for_their_role(start: Start) -> None:
    leader = start(WITH_BUSY_CHILD)
    _read_until(Sampler(), {"role": leader.pid}, lambda found: (found["role"].cpu_percent or 0) > 15)


def test_a_role_that_ended_uses_nothing(start: Start) -> None:
    process = start(HOLD_64_MIB)
    sampler = Sampler()
    sampler.read({"role": process.pid})
    process.kill()
    process.wait()
    assert sampler.read({"role": process.pid})["role"].memory_bytes == 0


def _spend(thrift: Thrift, cost_s: float) -> None:
    with thrift:
        end = time.thread_time() + cost_s
        while time.thread_time() < end:
            pass


def test_rounds_that_cost_much_are_not_soon_repeated() -> None:
    thrift = Thrift(share=0.001, least_interval_s=0.001)
    for _ in range(8):
        _spend(thrift, 0.01)
    assert 9 <= thrift.interval_s < 30


def test_the_first_round_which_also_loads_modules_does_not_count() -> None:
    thrift = Thrift(share=0.001, least_interval_s=5)
    _spend(thrift, 0.05)
    assert thrift.interval_s == 5


def test_a_cheap_round_is_repeated_at_the_least_interval() -> None:
    thrift = Thrift(share=0.001, least_interval_s=5)
    with thrift:
        pass
    assert thrift.interval_s == 5


class FakeNvml:
    """Two cards as NVML describes them; the second has no graphics processes to tell of (as data-centre cards)."""

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):  # NVML's own name
        pass

    compute: ClassVar = {0: [(11, 4 << 30), (12, 1 << 30)], 1: [(11, 2 << 30), (13, None)]}
    graphics: ClassVar = {0: [(11, 4 << 30), (14, 300 << 20)]}

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetComputeRunningProcesses(self, card: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.compute[card]]

    def nvmlDeviceGetGraphicsRunningProcesses(self, card: int) -> list[SimpleNamespace]:
        if card not in self.graphics:
            raise self.NVMLError_NotSupported
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.graphics[card]]


def test_gpu_memory_is_summed_over_cards_and_not_counted_twice_on_one() -> None:
    assert read_gpu_memory(FakeNvml()) == {11: 6 << 30, 12: 1 << 30, 14: 300 << 20}


def test_gpu_memory_goes_to_the_role_whose_process_holds_it(start: Start) -> None:
    process, other = start(HOLD_64_MIB), start(HOLD_64_MIB)
    figures = Sampler().read({"role": process.pid, "other": other.pid}, {process.pid: 5 << 30, 99: 1 << 30})
    assert figures["role"].gpu_memory_bytes == 5 << 30
    assert figures["other"].gpu_memory_bytes is None
