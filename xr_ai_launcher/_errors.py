"""The exception tree of the launcher; see the package's docstring."""

from __future__ import annotations

from collections.abc import Iterable

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_config import Problem

__all__ = ("LauncherError", "MissingPrerequisiteError", "StackEndedError", "StackError")


class LauncherError(Exception):
    """Base of everything the launcher reports to its user."""

    exit_code = 5
    """What the command line ends with: something that is needed is missing, unless a class says otherwise."""


class _ProblemsError(LauncherError):
    def __init__(self, problems: Iterable[Problem]) -> None:
        # Late: whoever only catches these errors does not need what reads stack files.
        from xr_ai_config import ConfigError

        listed = ConfigError(problems)
        self.problems = listed.problems
        super().__init__(str(listed))


class StackError(_ProblemsError):
    """A stack file cannot be used; ``problems`` holds everything that is wrong with it, the message as text."""

    exit_code = 2


class MissingPrerequisiteError(_ProblemsError):
    """The stack is fine, but a program it needs is not installed here."""


class StackEndedError(LauncherError):
    """A stack ended while somebody waited for it to become ready; ``exit_code`` is the launcher's."""

    def __init__(self, stack: str, exit_code: int, reason: str) -> None:
        self.exit_code = exit_code
        why = f": {reason}" if reason else ""
        super().__init__(f"{stack} ended with exit code {exit_code} before it was ready{why}")
