"""Runs a role's own check command until it succeeds."""

import os
import signal

from xr_ai_launcher._run.errors import SpawnError
from xr_ai_launcher._run.loop import Timer
from xr_ai_launcher._run.readiness.base import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    PAUSE_GROWTH,
    Watch,
    WatchContext,
)
from xr_ai_launcher._run.signals import send_group
from xr_ai_launcher._run.spawn import spawn
from xr_ai_launcher._stack.plan import ExecProbe

_EXEC_TIMEOUT_S = 10.0
_EXEC_OUTPUT_BYTES = 4 << 10


class ExecWatch(Watch):
    """Runs a command until it ends with 0, one at a time, each for a bounded time."""

    def __init__(self, probe: ExecProbe, context: WatchContext) -> None:
        self._argv = probe.argv
        self._context = context
        self._pause_s = FIRST_PAUSE_S
        self._pid = 0
        self._output = -1
        self._timer: Timer = context.loop.call_later(self._pause_s, self._start)
        self._is_cancelled = False

    def cancel(self) -> None:
        self._is_cancelled = True
        self._timer.cancel()
        self._kill()

    def _start(self) -> None:
        self._output = os.memfd_create("probe-output")
        try:
            self._pid = spawn(self._argv, cwd=self._context.cwd, env=self._context.env, output=self._output)
        except SpawnError as error:
            self._finish(f"the probe's command: {error}")
            return
        self._timer = self._context.loop.call_later(_EXEC_TIMEOUT_S, self._kill)
        self._context.loop.watch_child(self._pid, self._ended)

    def _kill(self) -> None:
        if self._pid:
            send_group(self._pid, signal.SIGKILL)

    def _ended(self, code: int) -> None:
        self._timer.cancel()
        pid, self._pid = self._pid, 0
        if self._is_cancelled:
            os.close(self._output)
        elif code == 0:
            os.close(self._output)
            self._context.on_ready()
        else:
            send_group(pid, signal.SIGKILL)  # what it left behind
            last = self._last_words()
            self._finish(f"`{' '.join(self._argv)}` ended with {code}" + (f": {last}" if last else ""))

    def _last_words(self) -> str:
        size = os.fstat(self._output).st_size
        data = os.pread(self._output, _EXEC_OUTPUT_BYTES, max(0, size - _EXEC_OUTPUT_BYTES))
        return data.decode(errors="replace").strip().rpartition("\n")[2]

    def _finish(self, reason: str) -> None:
        os.close(self._output)
        self._context.on_reason(reason)
        self._pause_s = min(self._pause_s * PAUSE_GROWTH, LONGEST_PAUSE_S)
        self._timer = self._context.loop.call_later(self._pause_s, self._start)
