"""Reads a program's configuration file into its model."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from xr_ai_config._interpolate import environment_lookup, interpolate
from xr_ai_config._nodes import MapNode
from xr_ai_config._problem import ConfigError, Problem
from xr_ai_config._reader import read_yaml
from xr_ai_config._source import Mark, Source
from xr_ai_config._validate import problems_of, validate

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_config(path: Path | None, model: type[ModelT]) -> ModelT:
    """Read ``path`` into ``model``; without a path the model's defaults apply.

    Unknown keys, wrong values, duplicate keys and YAML's silent traps are all reported at once.
    ``${NAME}`` and ``${NAME:-default}`` in values are replaced from the environment; `ConfigPath` fields are
    resolved against the file's folder.

    Raises:
        ConfigError: the file cannot be used; the message holds every problem with ``file:line:column``.
    """
    if path is None:
        return _defaults(model)
    document = read_yaml(path)
    root, unset = interpolate(document.root, lambda name, _: environment_lookup(name))
    return validate(root, model, folder=document.source.folder, problems=[*document.problems, *unset])


def _defaults(model: type[ModelT]) -> ModelT:
    try:
        return model()
    except ValidationError as error:
        nowhere = MapNode({}, Mark(Source("(no file)", None, ()), 0, 0))
        problems = [
            Problem(problem.message, None, problem.key_path, hint="no configuration file was given: use --config FILE")
            for problem in problems_of(error, nowhere, model)
        ]
        raise ConfigError(problems) from None
