"""Reads files of ``KEY=VALUE`` lines."""

import re
from pathlib import Path

__all__ = ("EnvFileError", "read_env_file")

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)\Z")


class EnvFileError(Exception):
    """The file cannot be read; the message says which line and why."""


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file: ``#`` starts a comment line, ``export`` is optional, quotes are removed.

    Raises:
        EnvFileError: the file is missing or has a line of another form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or error
        raise EnvFileError(f"{reason}: {path}") from error
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.match(stripped)
        if match is None:
            raise EnvFileError(f"{path}:{number}: expected KEY=VALUE")
        variables[match.group(1)] = _unquoted(match.group(2))
    return variables


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
