"""Kinds of value a stack file has beyond YAML's own: durations, commands, names, memory sizes."""

import re
import shlex
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from xr_ai_launcher._stack.sizes import parse_size

__all__ = ("Command", "Duration", "EnvValue", "Name", "Port", "Size", "VariableName", "env_text", "split_command")

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h)?\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*[KMGT]i?B$|\$\{"
_DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|h)?$|\$\{"


def parse_duration(value: Any) -> Any:
    """Return seconds for ``20s``, ``500ms``, ``2m``, ``1h`` or a plain number.

    Raises:
        ValueError: not a duration.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("expected a duration such as 20s, 500ms or 2m (a plain number is seconds)")
    if not isinstance(value, str):
        if value < 0:
            raise ValueError("a duration cannot be negative")
        return float(value)
    match = _DURATION.match(value.strip())
    if match is None:
        raise ValueError(
            f'"{value}" is not a duration; expected one such as 20s, 500ms or 2m (a plain number is seconds)'
        )
    return float(match.group(1)) * _SECONDS[match.group(2)]


def split_command(value: Any) -> list[str]:
    """Return the words of a command: a list as it is, text split as a shell would split it (no shell ever runs it).

    Raises:
        ValueError: quotes that do not close, or nothing there.
    """
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"the command cannot be split into words: {error}") from None
    else:
        words = value
    if not words:
        raise ValueError("the command is empty")
    return words


def env_text(value: str | int | float | bool) -> str:
    """Return what an environment variable holds for a YAML value (``true`` stays ``true``)."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _command_words(value: Any) -> Any:
    if isinstance(value, str):
        return split_command(value)
    if isinstance(value, list) and all(
        isinstance(word, str | int | float) and not isinstance(word, bool) for word in value
    ):
        return split_command([str(word) for word in value])
    raise ValueError("expected a command: text, or a list of words")


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _DURATION_PATTERN}]}),
]
"""Seconds; written ``20s``, ``500ms``, ``2m``, ``1h`` or as a plain number."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _SIZE_PATTERN}]}),
]
"""Bytes; written ``64MiB``, ``1.5GB`` or as a plain number."""

Command = Annotated[
    list[str],
    BeforeValidator(_command_words),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
            ]
        }
    ),
]
"""The words of a command; written as a list, or as text that is split as a shell would."""

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
_VARIABLE_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


def _check_name(value: str) -> str:
    if not re.match(_NAME, value):
        raise ValueError(f'"{value}" is not a name; use letters, digits, - and _')
    return value


def _check_variable_name(value: str) -> str:
    if not re.match(_VARIABLE_NAME, value):
        raise ValueError(f'"{value}" is not a name of a variable; use letters, digits and _')
    return value


Name = Annotated[str, AfterValidator(_check_name), WithJsonSchema({"type": "string", "pattern": _NAME})]
"""A name of a role, setup step or profile: letters, digits, ``-`` and ``_``."""

Port = Annotated[int, Field(ge=1, le=65535)]
EnvValue = str | int | float | bool
VariableName = Annotated[
    str, AfterValidator(_check_variable_name), WithJsonSchema({"type": "string", "pattern": _VARIABLE_NAME})
]
"""A name of an environment variable."""
