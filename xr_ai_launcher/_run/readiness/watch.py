"""Chooses the watch for a probe."""

import re

from xr_ai_launcher._run.readiness.base import Watch, WatchContext
from xr_ai_launcher._stack.plan import ExecProbe, LogProbe, NotifyProbe, ProbePlan


def start_watch(probe: ProbePlan, context: WatchContext) -> Watch:
    """Begin to wait for the probe."""
    match probe:
        case NotifyProbe():
            return Watch()  # its socket must exist before the role does: whoever starts the role listens there
        case LogProbe():
            return _LogWatch(probe, context)
        case ExecProbe():
            from xr_ai_launcher._run.readiness.execute import ExecWatch

            return ExecWatch(probe, context)
        case _:
            # Sockets, JSON and URLs take longer to import than a role takes to start: only where one is asked.
            from xr_ai_launcher._run.readiness.asking import AskingWatch

            return AskingWatch(probe, context)


class _LogWatch(Watch):
    """Looks for a pattern in what the role prints."""

    def __init__(self, probe: LogProbe, context: WatchContext) -> None:
        self._pattern = re.compile(probe.pattern.encode(), re.MULTILINE)
        self._context = context
        context.on_reason(f"no line matched /{probe.pattern}/ yet")
        if context.relay is not None:
            context.relay.watcher = self._look

    def cancel(self) -> None:
        if self._context.relay is not None:
            self._context.relay.watcher = None

    def _look(self, lines: bytes) -> None:
        if self._pattern.search(lines):
            self.cancel()
            self._context.on_ready()
