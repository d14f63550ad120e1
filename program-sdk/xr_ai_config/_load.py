"""Reads a program's configuration file into its model."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from xr_ai_config._interpolate import environment_lookup, interpolate
from xr_ai_config._nodes import KeyPath, MapNode, Node, format_path, locate, to_plain
from xr_ai_config._problem import ConfigError, Problem
from xr_ai_config._reader import read_yaml
from xr_ai_config._secrets import concealed
from xr_ai_config._source import Mark, Source
from xr_ai_config._validate import problems_of, validate

ModelT = TypeVar("ModelT", bound=BaseModel)
Examine: TypeAlias = Callable[[dict[str, Any], Path], Iterable[tuple[KeyPath, str]]]
"""Returns what a model cannot know: what is wrong between keys, or on this machine; as key paths and sentences.

Gets what the file says, references replaced and nothing else checked, and the folder that its paths start from."""


def load_config(path: Path | None, model: type[ModelT], examine: Examine | None = None) -> ModelT:
    """Read ``path`` into ``model``; without a path the model's defaults apply.

    Unknown keys, wrong values, duplicate keys, YAML's silent traps and what ``examine`` finds are all reported at
    once, without the value of any field of pydantic's `SecretStr`.
    ``${NAME}`` and ``${NAME:-default}`` in values are replaced from the environment; `ConfigPath` fields are
    resolved against the file's folder.

    Raises:
        ConfigError: the file cannot be used; the message holds every problem with ``file:line:column``.
    """
    if path is None:
        return _defaults(model)
    try:
        return _loaded(path, model, examine)
    except ConfigError as error:
        problems = error.problems
    # Out here the first one is not even this one's context.
    raise ConfigError(concealed(problems, model))


def _loaded(path: Path, model: type[ModelT], examine: Examine | None) -> ModelT:
    document = read_yaml(path)
    folder = document.source.folder
    root, unset = interpolate(document.root, lambda name, _: environment_lookup(name))
    examined = _examined(root, folder, examine) if examine is not None else ()
    return validate(root, model, folder=folder, problems=[*document.problems, *unset, *examined])


def _examined(root: Node, folder: Path, examine: Examine) -> Iterator[Problem]:
    if isinstance(root, MapNode):
        for key_path, message in examine(to_plain(root), folder):
            yield Problem(message, locate(root, key_path).mark, format_path(key_path))


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
