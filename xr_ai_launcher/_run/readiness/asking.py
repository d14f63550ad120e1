"""Asks a server, or the file system, again and again until it is ready."""

import threading
from collections.abc import Callable
from functools import partial

from xr_ai_launcher._run.readiness.attempts import (
    NotReady,
    attempt_file,
    attempt_http,
    attempt_mcp,
    attempt_tcp,
)
from xr_ai_launcher._run.readiness.base import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    PAUSE_GROWTH,
    Watch,
    WatchContext,
)
from xr_ai_launcher._stack.plan import FileProbe, HttpProbe, McpProbe, TcpProbe

# A server that is to be reused and refuses connections this long is not there.
_REUSE_PATIENCE_S = 2.0


class AskingWatch(Watch):
    """Asks from a thread of its own, since an answer may take its time."""

    def __init__(self, probe: HttpProbe | TcpProbe | McpProbe | FileProbe, context: WatchContext) -> None:
        self._attempt = _attempt_of(probe, context)
        self._context = context
        self._cancelled = threading.Event()
        threading.Thread(target=self._work, name="readiness", daemon=True).start()

    def cancel(self) -> None:
        self._cancelled.set()

    def _work(self) -> None:
        pause_s, asked_s = FIRST_PAUSE_S, 0.0
        while not self._cancelled.wait(pause_s):
            asked_s += pause_s
            try:
                self._attempt()
            except NotReady as error:
                self._tell(self._context.on_reason, str(error))
                if self._context.mark is None and not error.is_answering and asked_s > _REUSE_PATIENCE_S:
                    self._tell(self._context.on_absent, str(error))
                    return
            else:
                self._tell(self._context.on_ready)
                return
            pause_s = min(pause_s * PAUSE_GROWTH, LONGEST_PAUSE_S)

    def _tell(self, callback: Callable[..., None], *arguments: str) -> None:
        def deliver() -> None:
            if not self._cancelled.is_set():
                callback(*arguments)

        self._context.loop.post(deliver)


def _attempt_of(probe: HttpProbe | TcpProbe | McpProbe | FileProbe, context: WatchContext) -> Callable[[], None]:
    members = context.mark.members if context.mark and not context.is_served_by_anyone else None
    match probe:
        case HttpProbe():
            return partial(attempt_http, probe, members)
        case TcpProbe():
            return partial(attempt_tcp, probe, members)
        case McpProbe():
            return partial(attempt_mcp, probe, members)
        case FileProbe():
            return partial(attempt_file, probe.path, context.started_ns)
