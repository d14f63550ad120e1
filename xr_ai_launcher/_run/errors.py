"""What can go wrong while a stack runs.

RunError
├── SpawnError    a program cannot be started
└── RunDirError   there is no place for sockets or logs
"""

from xr_ai_launcher._errors import LauncherError


class RunError(LauncherError):
    """Anything that keeps a stack from running; the message says what, where and what repairs it."""


class SpawnError(RunError):
    """A program cannot be started."""


class RunDirError(RunError):
    """The folder for sockets or for logs cannot be used."""
