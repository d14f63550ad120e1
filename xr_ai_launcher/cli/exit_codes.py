"""What the exit codes of ``xrstack`` mean. A role's failure passes its own code on."""

import enum

__all__ = ("ExitCode",)


class ExitCode(enum.IntEnum):
    """Exit codes the launcher itself decides on."""

    OK = 0
    BAD_STACK = 2
    BUG = 3
    NOT_READY = 4
    MISSING_PREREQUISITE = 5
    INTERRUPTED = 130
    TERMINATED = 143
