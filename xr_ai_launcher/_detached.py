"""Starts a stack that runs on by itself: returns when every role is ready, or with the failure."""

from __future__ import annotations

import os
import select
import signal
import socket
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from xr_ai_launcher._run import Wishes, run
from xr_ai_launcher._run.apart import live_apart
from xr_ai_launcher._run.guard import FORWARDED_SIGNALS
from xr_ai_launcher._run.screen import write_all
from xr_ai_launcher._run.upward import NOTIFY_VARIABLE
from xr_ai_launcher._stack.plan import StackPlan

__all__ = ("run_detached",)

_READ_BYTES = 64 << 10


def run_detached(plan: StackPlan, original: StackPlan, environment: Mapping[str, str], stderr: int = 2) -> int | None:
    """Run the stack in a session of its own and show here what its launcher says until all roles are ready.

    Returns None once they are, the exit code if the stack ended before. Signals meanwhile go to it.
    """
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="xrstack-"))
        ready = cleanup.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
        address = str(Path(folder) / "ready")
        ready.bind(address)
        words, words_end = os.pipe()
        cleanup.callback(os.close, words)
        pid = os.fork()
        if pid == 0:
            wishes = Wishes(is_plain=True, metrics_port=plan.metrics_port)
            told = {**environment, NOTIFY_VARIABLE: address}
            live_apart(lambda: run(plan, environment=told, wishes=wishes, original=original), words_end)
        os.close(words_end)
        _pass_signals_on(pid, cleanup)
        return _wait(pid, ready, words, stderr)


def _pass_signals_on(pid: int, cleanup: ExitStack) -> None:
    def send(signum: int, _frame: FrameType | None) -> None:
        os.kill(pid, signum)

    for signum in FORWARDED_SIGNALS:
        cleanup.callback(signal.signal, signum, signal.signal(signum, send))


def _wait(pid: int, ready: socket.socket, words: int, stderr: int) -> int | None:
    """Show words until something is decided. Afterwards the launcher's words have no reader, which it bears."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    for fd in (ready.fileno(), words, pidfd):
        poll.register(fd, select.POLLIN)
    try:
        while True:
            events = dict(poll.poll())
            if words in events:
                data = os.read(words, _READ_BYTES)
                write_all(stderr, data)
                if not data:
                    poll.unregister(words)
                continue  # first all that it says, then what that means
            if ready.fileno() in events and b"READY=1" in ready.recv(_READ_BYTES):
                return None
            if pidfd in events:
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(pidfd)
