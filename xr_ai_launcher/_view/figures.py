"""How much processor and memory each role uses, read from /proc at a price that is fixed beforehand."""

from __future__ import annotations

import os
from time import monotonic, thread_time

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.linux import children_of

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Figures", "Sampler", "Thrift")

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGESIZE")
# Fields of /proc/PID/stat after the command's closing parenthesis, counted from 0 (proc(5)).
_FIRST_TIME, _AFTER_TIMES, _RESIDENT_PAGES = 11, 15, 21
# Looking for new processes costs several times what reading known ones does.
_SEARCH_EVERY = 4
_NOTHING: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one role uses. ``cpu_percent`` is of one core, None until there are two readings to compare."""

    memory_bytes: int = 0
    cpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    cpu_s: float = 0.0
    """Processor time of its present processes and of the children they have collected."""


class Thrift:
    """Says when to do something again so that it takes no more than a share of one core."""

    def __init__(self, share: float, least_interval_s: float) -> None:
        self._share, self._least_interval_s = share, least_interval_s
        self._began_s = 0.0
        self._cost_s: float | None = None

    def __enter__(self) -> None:
        self._began_s = thread_time()

    def __exit__(self, *_: object) -> None:
        cost_s = thread_time() - self._began_s
        # The first round also loads modules, which no other does; and one slow round is no reason for a long silence.
        self._cost_s = 0.0 if self._cost_s is None else 0.5 * (self._cost_s + cost_s)

    @property
    def interval_s(self) -> float:
        """The pause after which another round stays within the share."""
        return max(self._least_interval_s, (self._cost_s or 0.0) / self._share)


class Sampler:
    """Reads the figures of roles, each known by the process id of its leader."""

    def __init__(self) -> None:
        self._families: dict[int, list[int]] = {}
        self._ticks: dict[int, int] = {}
        self._read_s = 0.0
        self._rounds = 0

    def read(self, leaders: Mapping[str, int], gpu_bytes_by_pid: Mapping[int, int] = _NOTHING) -> dict[str, Figures]:
        """Return the figures of every role whose leader is given; processor time is that since the last call."""
        now = monotonic()
        passed_ticks = (now - self._read_s) * _TICKS_PER_S
        is_search_due = self._rounds % _SEARCH_EVERY == 0
        self._rounds += 1
        families, ticks, found = {}, {}, {}
        for name, leader in leaders.items():
            family = self._families.get(leader)
            if family is None or is_search_due:
                family = _family_of(leader)
            families[leader], ticks[leader], memory_bytes = _sum_up(family)
            before = self._ticks.get(leader)
            # A member that ended took its time along: rather no use than a negative one.
            percent = None if before is None else max(0.0, 100 * (ticks[leader] - before) / passed_ticks)
            gpu_bytes = sum(gpu_bytes_by_pid.get(pid, 0) for pid in families[leader]) if gpu_bytes_by_pid else 0
            found[name] = Figures(memory_bytes, percent, gpu_bytes or None, ticks[leader] / _TICKS_PER_S)
        self._families, self._ticks, self._read_s = families, ticks, now
        return found


def _family_of(leader: int) -> list[int]:
    family = [leader]
    for pid in family:  # grows while it is walked
        family += children_of(pid)
    return family


def _sum_up(family: list[int]) -> tuple[list[int], int, int]:
    """Return who of them lives, their processor time in ticks (that of reaped children included), and their memory."""
    living, ticks, pages = [], 0, 0
    for pid in family:
        try:
            fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fields = os.read(fd, 1024).rpartition(b")")[2].split()
        except OSError:
            continue
        finally:
            os.close(fd)
        living.append(pid)
        ticks += sum(map(int, fields[_FIRST_TIME:_AFTER_TIMES]))
        pages += int(fields[_RESIDENT_PAGES])
    return living, ticks, pages * _PAGE_BYTES
