"""Finds the program behind a command's first word."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from xr_ai_config import did_you_mean

__all__ = ("find_in_project", "find_program", "similar_program")


def scripts_folder() -> Path:
    """Return the folder of console commands of the running interpreter's environment."""
    return Path(sys.executable).parent


def find_program(name: str, cwd: Path, path: str | None = None) -> Path | None:
    """Return the program's absolute path, or None.

    A name with a slash is a path from ``cwd``; others are looked up beside the running interpreter first, then in
    ``path`` (``PATH`` by default).
    """
    if os.sep in name:
        candidate = Path(os.path.normpath(cwd / Path(name).expanduser()))
        return candidate if candidate.is_file() and os.access(candidate, os.X_OK) else None
    places = (str(scripts_folder()), path if path is not None else os.environ.get("PATH", os.defpath))
    found = shutil.which(name, path=os.pathsep.join(places))
    return Path(found) if found else None


def find_in_project(words: Sequence[str], project: Path) -> list[str]:
    """Return the command as it runs in the environment of another Python project: its ``.venv``, else through uv."""
    script = project / ".venv" / "bin" / words[0]
    if script.is_file():
        return [str(script), *words[1:]]
    uv = find_program("uv", project)
    return [str(uv or "uv"), "run", "--quiet", "--project", str(project), *words]


def similar_program(name: str) -> str:
    """Return "did you mean …?" for a command of the running interpreter's environment, or ""."""
    folder = scripts_folder()
    return did_you_mean(name, [entry.name for entry in folder.iterdir()]) if folder.is_dir() else ""
