"""Stops one role while the others run on: by its own signal and grace, then by force, until nothing of it is left."""

import signal
from collections.abc import Callable

from xr_ai_launcher._run.linux import process_info
from xr_ai_launcher._run.loop import Loop, Timer
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.signals import send, send_group

_FORCE_STEP_S = 0.05
_FORCE_TIMEOUT_S = 5.0


class RoleStop:
    """One stop of one role. `reaped` must be called whenever children ended; ``on_done`` comes exactly once."""

    def __init__(self, loop: Loop, role: Role, on_forced: Callable[[], None], on_done: Callable[[], None]) -> None:
        self._loop = loop
        self._role = role
        self._on_forced = on_forced
        self._on_done = on_done
        self._timer: Timer | None = None
        self._steps_left = round(_FORCE_TIMEOUT_S / _FORCE_STEP_S)
        self._is_forcing = False

    def begin(self) -> None:
        """Ask everything of the role to end."""
        role = self._role
        assert role.mark is not None
        if role.is_alive:
            send_group(role.mark.leader, role.plan.stop_signal)
        for pid in role.mark.members():
            info = process_info(pid)
            if info is not None and (info.group != role.mark.leader or not role.is_alive):
                send(pid, role.plan.stop_signal)
        self._timer = self._loop.call_later(role.plan.stop_grace_s, self._force)
        self.reaped()

    def reaped(self) -> None:
        """Look whether anything is left. A leader not collected yet would later be taken for the next one."""
        if self._timer is not None and not self._role.is_alive and not self._members():
            self._finish()

    def cancel(self) -> None:
        """Leave the rest to somebody else."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _force(self) -> None:
        if not self._is_forcing:
            self._is_forcing = True
            self._on_forced()
        for pid in self._members():
            send(pid, signal.SIGKILL)
        self._steps_left -= 1
        if self._steps_left > 0:
            self._timer = self._loop.call_later(_FORCE_STEP_S, self._force)
            self._loop.reap()
            self.reaped()
        else:
            self._finish()  # only the kernel keeps it: the new life must do beside it

    def _members(self) -> list[int]:
        return self._role.mark.members() if self._role.mark is not None else []

    def _finish(self) -> None:
        self.cancel()
        self._on_done()
