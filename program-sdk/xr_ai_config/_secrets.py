"""Keeps secrets out of what is said about a configuration: their values, and the lines that they are written in."""

import re
from collections.abc import Iterable
from dataclasses import replace

from pydantic import BaseModel

from xr_ai_config._problem import Problem
from xr_ai_config._schema_keys import secret_keys

__all__ = ("concealed",)

_LAST_KEY = re.compile(r"([^.\[\]]+)(?:\[\d+\])*\Z")
_QUOTED_PART = re.compile(r"`([^`]+)`")
_QUOTE_IT = "put it in quotes"


def concealed(problems: Iterable[Problem], model: type[BaseModel]) -> list[Problem]:
    """Return the problems as they may be printed: without the values of the model's `SecretStr` fields."""
    secrets = secret_keys(model)
    if not secrets:
        return list(problems)
    mentioned = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(secrets)))})(?!\w)")
    return [_concealed(problem, secrets, mentioned) for problem in problems]


def _concealed(problem: Problem, secrets: frozenset[str], mentioned: re.Pattern[str]) -> Problem:
    key = _LAST_KEY.search(problem.key_path)
    if key is not None and key.group(1) in secrets:
        return _without_value(problem, key.group(1))
    is_mistyped = problem.hint.startswith("did you mean") and mentioned.search(problem.hint)
    if is_mistyped or (problem.mark is not None and mentioned.search(problem.mark.source_line)):
        return replace(problem, shows_line=False)
    return problem


def _without_value(problem: Problem, key: str) -> Problem:
    written = _written_at(problem)
    quoted = _QUOTED_PART.findall(problem.message)
    if written != key and any(part in written for part in quoted):
        is_reference = any(part.startswith("${") for part in quoted)
        message = "a reference in it is not closed" if is_reference else "this value is not taken as it is written"
        hint = problem.hint if is_reference else _QUOTE_IT
        return replace(problem, message=message, expected="", found="", hint=hint, shows_line=False)
    hint = _QUOTE_IT if '"' in problem.hint else problem.hint
    return replace(problem, found="", hint=hint, shows_line=False)


def _written_at(problem: Problem) -> str:
    mark = problem.mark
    return "" if mark is None else mark.source_line[mark.column - 1 : mark.column - 1 + mark.length]
