"""`xrstack` for a program that started it: when that program ends, however it does, the stack is stopped."""

import os
import signal
import sys

from xr_ai_launcher.cli import main

_PR_SET_PDEATHSIG = 1


def _end_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before it could be watched
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _end_with(int(os.environ.pop("XRSTACK_PARENT")))
    sys.exit(main())
