"""Asks a run to stop, and knows when it is gone."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import TYPE_CHECKING

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.errors import ConnectionLostError

if TYPE_CHECKING:
    from xr_ai_launcher._control.model import StackStatus

__all__ = ("Ender",)


class Ender:
    """One request to stop; made when this is."""

    def __init__(self, run: StackStatus) -> None:
        self.run = run
        # Before the request: afterwards its number may be another's.
        self._pidfds = [pidfd for pid in (run.supervisor_pid, run.launcher_pid) if (pidfd := _open(pid)) is not None]
        try:
            with Control(Path(run.runtime)) as control:
                control.down()
        except ConnectionLostError:
            pass  # it was faster

    def wait(self) -> None:
        """Wait until the launcher has ended: then nothing of the stack is left."""
        for pidfd in self._pidfds:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.poll()
            os.close(pidfd)
        self._pidfds.clear()


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
