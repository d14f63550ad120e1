"""Signals to processes that may end, or change their user, at any moment."""

import contextlib
import os
import signal

# Gone meanwhile; or running as another user now, whom only root can signal.
_NOT_OURS_TO_SIGNAL = (ProcessLookupError, PermissionError)


def send(pid: int, signum: int) -> None:
    """Signal one process and wake it, since a stopped process would never hear a polite signal."""
    with contextlib.suppress(*_NOT_OURS_TO_SIGNAL):
        os.kill(pid, signum)
        os.kill(pid, signal.SIGCONT)


def send_group(leader: int, signum: int) -> None:
    """Signal a whole group. Only while its leader is not reaped is the number surely still its own."""
    with contextlib.suppress(*_NOT_OURS_TO_SIGNAL):
        os.killpg(leader, signum)
        os.killpg(leader, signal.SIGCONT)
