"""The exception tree of a program; see the package's docstring."""


class ProgramError(Exception):
    """Base of everything a program of ours reports to its user in one message."""


class StartupError(ProgramError):
    """The program cannot start in this environment; the message names the repair."""
