"""Where the values of a merged tree were written: marks for messages, folders for relative paths."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xr_ai_config import MapNode, Mark, Node, Problem, format_path, locate, resolve_path, to_plain

__all__ = ("Places",)


@dataclass(frozen=True, slots=True)
class Places:
    """Looks up places in one merged tree; a path that is not in the tree leads to its nearest ancestor."""

    tree: Node

    def has(self, *path: str | int) -> bool:
        """Whether the tree says anything at ``path``."""
        return locate(self.tree, path).path == path

    def value(self, *path: str | int) -> Any:
        """Return what the tree says at ``path``, None when it says nothing."""
        located = locate(self.tree, path)
        return to_plain(located.node) if located.path == path else None

    def mark(self, *path: str | int) -> Mark:
        """Return where the value at ``path`` was written."""
        return locate(self.tree, path).mark

    def key_mark(self, *path: str | int) -> Mark:
        """Return where the key at ``path`` was written."""
        parent = locate(self.tree, path[:-1]).node
        if isinstance(parent, MapNode) and str(path[-1]) in parent.key_marks:
            return parent.key_marks[str(path[-1])]
        return self.mark(*path)

    def file_path(self, value: str, *path: str | int) -> Path:
        """Return the absolute path for ``value``, relative to the folder of the file that says it."""
        return resolve_path(value, self.mark(*path).source.folder)

    def switched_off(self, *path: str | int) -> str:
        """Return who turned off the role or step at ``path``."""
        return f"turned off at {self.mark(*path, 'enabled')}"

    def problem(self, message: str, *path: str | int, expected: str = "", found: str = "", hint: str = "") -> Problem:
        """Return a problem at the value of ``path``."""
        return Problem(message, self.mark(*path), format_path(path), expected=expected, found=found, hint=hint)
