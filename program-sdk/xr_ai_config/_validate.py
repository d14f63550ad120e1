"""Checks a node tree against a pydantic model; every finding gets the place it was written."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from xr_ai_config._nodes import Located, MapNode, Node, ScalarNode, describe, format_path, locate, replaced, to_plain
from xr_ai_config._paths import FOLDER_CONTEXT_KEY
from xr_ai_config._problem import ConfigError, Problem
from xr_ai_config._scalars import resolve_plain
from xr_ai_config._schema_keys import known_keys
from xr_ai_config._suggest import did_you_mean, one_of
from xr_ai_config._words import finding

ModelT = TypeVar("ModelT", bound=BaseModel)
_NUMBER, _WHOLE_NUMBER = "a number", "a whole number"
_TYPED = frozenset({"int_type", "float_type", "bool_type"})
_KEY_SEGMENT = "[key]"


def validate(node: Node, model: type[ModelT], *, folder: Path, problems: Iterable[Problem] = ()) -> ModelT:
    """Return the model that ``node`` describes; relative `ConfigPath` fields start from ``folder``.

    Values are checked with JSON's strictness: no text is taken for a number, no number for text. Keys that the
    model does not know are problems whatever its ``extra`` setting (free-form parts are ``dict`` fields).
    ``problems`` that are known already are reported together with the new ones.

    Raises:
        ConfigError: anything is wrong; all of it.
    """
    known = list(problems)
    places = {problem.mark for problem in known}
    if not isinstance(node, MapNode):
        raise ConfigError(
            [*known, Problem("not a configuration", node.mark, expected="a mapping of keys", found=describe(node))]
        )
    try:
        result = _validated(node, model, folder)
    except ValidationError as error:
        found = problems_of(error, node, model)
        # A place that could not even be read says nothing more by also having the wrong type.
        raise ConfigError([*known, *(problem for problem in found if problem.mark not in places)]) from None
    if known:
        raise ConfigError(known)
    return result


def _validated(node: Node, model: type[ModelT], folder: Path) -> ModelT:
    try:
        return _checked(node, model, folder)
    except ValidationError as error:
        retyped = _retyped(node, error)
        if retyped is node:
            raise
        return _checked(retyped, model, folder)


def _checked(node: Node, model: type[ModelT], folder: Path) -> ModelT:
    context = {FOLDER_CONTEXT_KEY: folder}
    return model.model_validate_json(json.dumps(to_plain(node)), strict=True, extra="forbid", context=context)


def _retyped(root: Node, error: ValidationError) -> Node:
    """Return the tree with expanded text typed as YAML would, where the model wants a number or a boolean."""
    for entry in error.errors(include_url=False):
        located = locate(root, entry["loc"])
        node = located.node
        if (
            entry["type"] in _TYPED
            and isinstance(node, ScalarNode)
            and node.is_expanded
            and isinstance(node.value, str)
        ):
            value = resolve_plain(node.value)
            if isinstance(value, bool | int | float):
                root = replaced(root, located.path, replace(node, value=value))
    return root


def problems_of(error: ValidationError, root: Node, model: type[BaseModel]) -> list[Problem]:
    """Return one problem per place for what pydantic found in ``root``."""
    by_place: dict[tuple[str | int, ...], list[tuple[dict[str, Any], Located]]] = {}
    for entry in error.errors(include_url=False):
        located = locate(root, _without_key_segment(entry["loc"]))
        place = (*located.path, entry["loc"][-1]) if _names_absent_key(entry) else located.path
        by_place.setdefault(place, []).append((dict(entry), located))
    deepest = [place for place in by_place if not _is_shadowed(place, by_place)]
    return [_problem(by_place[place], place, root, model) for place in deepest]


def _is_shadowed(
    place: tuple[str | int, ...], by_place: dict[tuple[str | int, ...], list[tuple[dict[str, Any], Located]]]
) -> bool:
    """Whether a union's branch got further than the branches that only refused the value's type."""
    entries = by_place[place]
    is_branch = any(len(entry["loc"]) > len(located.path) for entry, located in entries)
    return (
        is_branch
        and all(entry["type"].endswith("_type") for entry, _ in entries)
        and any(len(other) > len(place) and other[: len(place)] == place for other in by_place)
    )


def _problem(
    entries: list[tuple[dict[str, Any], Located]], place: tuple[str | int, ...], root: Node, model: type[BaseModel]
) -> Problem:
    entry, located = entries[0]
    path = format_path(place)
    if entry["type"] == "extra_forbidden":
        return _unknown_key(located, path, root, model)
    node = located.node
    value = node.value if isinstance(node, ScalarNode) else to_plain(node)
    findings = [finding(each, value) for each, _ in entries]
    first = findings[0]
    if entry["type"] == "missing":
        return Problem(first.message, located.mark, path)
    is_key = entry["loc"][-1:] == (_KEY_SEGMENT,)
    return Problem(
        first.message,
        _key_mark(root, located.path) if is_key else located.mark,
        path,
        expected=_alternatives([each.expected for each in findings if each.expected]),
        found="" if is_key or not any(each.expected for each in findings) else describe(node),
        hint=next((each.hint for each in findings if each.hint), ""),
    )


def _alternatives(expected: list[str]) -> str:
    """What the branches of a union would take: a whole number is not worth saying beside a number."""
    names = dict.fromkeys(expected)
    if _NUMBER in names:
        names.pop(_WHOLE_NUMBER, None)
    return one_of(names)


def _unknown_key(located: Located, path: str, root: Node, model: type[BaseModel]) -> Problem:
    key = str(located.path[-1])
    candidates = known_keys(model, located.path[:-1])
    hint = did_you_mean(key, candidates) or (f"known keys: {one_of(candidates)}" if candidates else "")
    return Problem("unknown key", _key_mark(root, located.path), path, hint=hint)


def _key_mark(root: Node, path: Sequence[str | int]) -> Any:
    parent = locate(root, path[:-1]).node
    return parent.key_marks.get(str(path[-1]), parent.mark) if isinstance(parent, MapNode) else parent.mark


def _names_absent_key(entry: Any) -> bool:
    return bool(entry["type"] == "missing" and entry["loc"])


def _without_key_segment(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return loc[:-1] if loc[-1:] == (_KEY_SEGMENT,) else loc
