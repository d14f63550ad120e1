"""What can go wrong when one talks to a running stack.

ControlError
├── NoSuchRunError        no stack of that name runs, or has run
├── AlreadyRunningError   this stack runs already
├── RefusedError          the launcher understood and says no; the message is its own
└── ConnectionLostError   the launcher ended, does not answer, or is no launcher
"""

from xr_ai_launcher._errors import LauncherError


class ControlError(LauncherError):
    """Base; the message says what, and what to type."""

    exit_code = 1


class NoSuchRunError(ControlError):
    """No stack of that name runs, or has run."""


class AlreadyRunningError(ControlError):
    """This stack runs already."""

    exit_code = 2


class RefusedError(ControlError):
    """The launcher understood the request and cannot fulfil it."""


class ConnectionLostError(ControlError):
    """Nobody answers at the other end (any more)."""
