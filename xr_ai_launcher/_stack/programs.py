"""Finds the program behind a command's first word."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

__all__ = ("find_program", "scripts_folder")


def scripts_folder() -> Path:
    """Return the folder of console commands of the running interpreter's environment."""
    from pathlib import Path  # late: a stored plan is used without

    return Path(sys.executable).parent


def find_program(name: str, cwd: str | PathLike[str], path: str | None = None) -> str | None:
    """Return the program's absolute path, or None.

    A name with a slash is a path from ``cwd``; others are looked up beside the running interpreter first, then in
    ``path`` (``PATH`` by default).
    """
    if os.sep in name:
        candidate = os.path.normpath(os.path.join(cwd, os.path.expanduser(name)))
        return candidate if _is_program(candidate) else None
    search = path if path is not None else os.environ.get("PATH", os.defpath)
    for folder in (os.path.dirname(sys.executable), *search.split(os.pathsep)):
        candidate = os.path.join(folder or os.curdir, name)
        if _is_program(candidate):
            return candidate
    return None


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
