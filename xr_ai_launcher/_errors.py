"""The exception tree of the launcher; see the package's docstring."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xr_ai_config import Problem

__all__ = ("LauncherError", "MissingPrerequisiteError", "StackError")


class LauncherError(Exception):
    """Base of everything the launcher reports to its user."""


class _ProblemsError(LauncherError):
    def __init__(self, problems: "Iterable[Problem]") -> None:
        # Late: whoever only catches these errors does not need what reads stack files.
        from xr_ai_config import ConfigError

        listed = ConfigError(problems)
        self.problems = listed.problems
        super().__init__(str(listed))


class StackError(_ProblemsError):
    """A stack file cannot be used; ``problems`` holds everything that is wrong with it, the message as text."""


class MissingPrerequisiteError(_ProblemsError):
    """The stack is fine, but a program it needs is not installed here."""
