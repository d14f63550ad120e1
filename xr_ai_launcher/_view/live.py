"""The live table of `up`: below the lines of the roles, drawn again when something changes and not before."""

from __future__ import annotations

import time

from xr_ai_launcher._view.figures import Sampler, Thrift
from xr_ai_launcher._view.footer import Footer, most_rows
from xr_ai_launcher._view.gpu_memory import GpuMemory
from xr_ai_launcher._view.table import table_rows
from xr_ai_launcher._view.terminal import size_of

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xr_ai_launcher._control.model import RoleStatus, StackStatus
    from xr_ai_launcher._run.loop import Loop, Timer
    from xr_ai_launcher._run.role import Role
    from xr_ai_launcher._run.screen import Screen
    from xr_ai_launcher._view.figures import Figures

__all__ = ("LiveTable", "with_figures")

# Roles that start together are ready together: they share a picture, and ten a second are plenty for eyes.
_REDRAW_DELAY_S = 0.1
# While something is on its way its seconds are worth a look; later minutes are counted.
_STARTING_INTERVAL_S = 1.0
_FIGURES_INTERVAL_S = 5.0
# 3 ms of one core in 10 s for figures and for the drawing that follows, whatever the number of roles.
_FIGURES_SHARE = 0.0003


class LiveTable:
    """The table of one run. Everything but the writing happens in the supervisor's loop."""

    def __init__(
        self, loop: Loop, screen: Screen, terminal: int, read_status: Callable[[], StackStatus], *, colored: bool
    ) -> None:
        self._loop = loop
        self._screen = screen
        self._terminal = terminal
        self._read_status = read_status
        self._colored = colored
        self._footer = Footer(terminal)
        self._sampler = Sampler()
        self._gpu_memory = GpuMemory()
        self._figures: dict[str, Figures] = {}
        self._thrift = Thrift(_FIGURES_SHARE, _FIGURES_INTERVAL_S)
        self._redraw_timer: Timer | None = None
        self._is_open = True
        screen.attach_painter(self._footer.paint, terminal)
        self._take_figures()

    def take(self, kind: str, role: Role | None, text: str, exit_code: int | None) -> None:
        """Something is new (see `News`): draw soon, once for all that changes together."""
        if self._is_open and (self._redraw_timer is None or not self._redraw_timer.is_active):
            self._redraw_timer = self._loop.call_later(_REDRAW_DELAY_S, self._redraw)

    def resized(self) -> None:
        """The terminal has another size."""
        if self._is_open:
            self._draw(self._read_status())

    def hold(self) -> None:
        """Give the rows back until `resume`."""
        self.close()

    def resume(self) -> None:
        """Show the table again, as it is by now."""
        if not self._is_open:
            self._is_open = True
            self._take_figures()

    def close(self) -> None:
        """Give the rows back; lines go on as if there had never been a table."""
        self._is_open = False
        self._footer.hide()
        self._screen.repaint()

    def _redraw(self) -> None:
        if not self._is_open:
            return
        status = self._read_status()
        self._draw(status)
        if any(role.state in ("starting", "paused", "stopping") for role in status.roles):
            self._redraw_timer = self._loop.call_later(_STARTING_INTERVAL_S, self._redraw)

    def _draw(self, status: StackStatus) -> None:
        columns, lines = size_of(self._terminal)
        rows = table_rows(
            with_figures(status, self._figures),
            now=time.time(),
            columns=columns,
            most_rows=most_rows(lines),
            colored=self._colored,
        )
        if self._footer.show(rows):
            self._screen.repaint()

    def _take_figures(self) -> None:
        if not self._is_open:
            return
        with self._thrift:
            self._gpu_memory.refresh()
            status = self._read_status()
            leaders = {role.name: role.pid for role in status.roles if role.pid is not None}
            self._figures = self._sampler.read(leaders, self._gpu_memory.by_pid)
            self._draw(status)
        self._loop.call_later(self._thrift.interval_s, self._take_figures)


def with_figures(status: StackStatus, figures: Mapping[str, Figures]) -> StackStatus:
    """Return the status with what the roles use."""
    from dataclasses import replace

    def known(role: RoleStatus) -> RoleStatus:
        found = figures.get(role.name)
        if found is None or role.pid is None:
            return role
        return replace(
            role,
            cpu_percent=found.cpu_percent,
            memory_bytes=found.memory_bytes,
            gpu_memory_bytes=found.gpu_memory_bytes,
        )

    return replace(status, roles=tuple(known(role) for role in status.roles))
