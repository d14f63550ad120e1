"""The life of a launcher in a session of its own, forked off a process that goes on with something else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

from xr_ai_launcher._run.screen import write_all

__all__ = ("live_apart",)

_BUG_EXIT_CODE = 3


def live_apart(work: Callable[[], int], words: int) -> NoReturn:
    """The rest of a forked process' life: nothing of the caller's runs in it any more, and no terminal is its own.

    What it says goes to the descriptor ``words``; what ``work`` returns is its exit code.
    """
    code = _BUG_EXIT_CODE
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd, target in ((nothing, 0), (nothing, 1), (words, 2)):
            os.dup2(fd, target)
        code = work()
    except Exception as error:
        # The border of a process: whoever waits has to hear of it in words.
        write_all(2, f"{error}\n".encode(errors="replace"))
    finally:
        os._exit(code)
