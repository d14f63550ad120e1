"""What can go wrong while a stack is prepared.

SetupError                a step cannot be taken
└── SourceUnavailable     one source of a program does not work here; the next one is tried
"""

from xr_ai_launcher._errors import LauncherError


class SetupError(LauncherError):
    """A setup step failed, or needs a program that is not installed; the message says what to do."""


class SourceUnavailable(SetupError):
    """One source of a program does not work here."""
