"""Reads a stack file with everything it includes, overlay files and ``--set`` values into node trees."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

from xr_ai_config import (
    ConfigError,
    Document,
    ListNode,
    MapNode,
    Mark,
    Node,
    Problem,
    ScalarNode,
    Source,
    parse_yaml,
    read_yaml,
    resolve_path,
)
from xr_ai_launcher._stack.merge import merge
from xr_ai_launcher._stack.surroundings import Surroundings

__all__ = ("Layers", "read_layers")

_INCLUDE = "include"
_SET_SOURCE = "--set"


@dataclass(slots=True)
class Layers:
    """What was read: the stack (with its includes) and what overrides it, apart because a profile comes between."""

    stack: Node
    overrides: list[Node]
    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def merged(self, profile: Node | None = None) -> Node:
        """Return stack, then profile, then overrides, each laid over the one before."""
        tree = self.stack if profile is None else merge(self.stack, profile)
        for override in self.overrides:
            tree = merge(tree, override)
        return tree


def read_layers(path: Path, overlays: Sequence[Path], assignments: Iterable[str], surroundings: Surroundings) -> Layers:
    """Read everything that makes up the stack.

    Raises:
        ConfigError: a file is missing or not YAML, includes go in a circle, or an assignment is malformed.
    """
    reader = _Reader(surroundings)
    stack = reader.read(path)
    overrides = [reader.read(overlay) for overlay in overlays]
    overrides += [_assignment(text, reader.problems) for text in assignments]
    return Layers(stack, overrides, reader.files, reader.problems)


@dataclass(slots=True)
class _Reader:
    surroundings: Surroundings
    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _open: list[Path] = field(default_factory=list)

    def read(self, path: Path, included_at: Mark | None = None) -> Node:
        """Return the file's tree laid over the trees it includes."""
        target = resolve_path(path, Path.cwd())
        if target in self._open:
            circle = " → ".join(display_name(each) for each in [*self._open, target])
            raise ConfigError([Problem("includes go in a circle", included_at, _INCLUDE, found=circle)])
        # Noted before it is read: should it change in between, what is remembered no longer fits.
        self.surroundings.note_file(target)
        document = _read_file(target, included_at)
        self.problems.extend(document.problems)
        self.files.append(target)
        self._open.append(target)
        folder = document.source.folder
        bases = [self.read(resolve_path(name, folder), mark) for name, mark in _included(document.root)]
        self._open.pop()
        return reduce(merge, [*bases, document.root])


def display_name(path: Path) -> str:
    """Return the path as a person would type it here: relative when it lies in or beside the working folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.path.join("..", "..", "")) else relative


def _read_file(target: Path, included_at: Mark | None) -> Document:
    try:
        return read_yaml(Path(display_name(target)))
    except ConfigError as error:
        if included_at is None or any(problem.mark for problem in error.problems):
            raise
        raise ConfigError(
            [replace(problem, mark=included_at, key_path=_INCLUDE) for problem in error.problems]
        ) from error


def _included(tree: Node) -> list[tuple[str, Mark]]:
    """The files a tree includes; a malformed key is left to validation."""
    node = tree.items.get(_INCLUDE) if isinstance(tree, MapNode) else None
    nodes = node.items if isinstance(node, ListNode) else (node,)
    return [(str(each.value), each.mark) for each in nodes if isinstance(each, ScalarNode) and each.value]


def _assignment(text: str, problems: list[Problem]) -> Node:
    """Return the tree that ``a.b=value`` describes; the value is YAML. Words in it that are traps are problems."""
    path, equals, value = text.partition("=")
    source = Source(_SET_SOURCE, None, (text,))
    if not equals or not all(path.split(".")):
        message = f'"{text}" is not an assignment'
        raise ConfigError([Problem(message, Mark(source, 1, 1, len(text)), expected="key.path=value")])
    # Padding keeps the columns of the value those of the whole argument.
    document = parse_yaml(" " * (len(path) + 1) + value, _SET_SOURCE)
    problems += [_of_assignment(problem, source, path) for problem in document.problems]
    node = _with_source(document.root, source) if value.strip() else ScalarNode(None, Mark(source, 1, 1))
    column = len(path) + 1
    for key in reversed(path.split(".")):
        column -= len(key) + 1
        mark = Mark(source, 1, column + 1, len(key))
        node = MapNode({key: node}, mark, {key: mark})
    return node


def _with_source(node: Node, source: Source) -> Node:
    mark = replace(node.mark, source=source)
    match node:
        case MapNode():
            items = {key: _with_source(value, source) for key, value in node.items.items()}
            marks = {key: replace(each, source=source) for key, each in node.key_marks.items()}
            return MapNode(items, mark, marks)
        case ListNode():
            return ListNode(tuple(_with_source(item, source) for item in node.items), mark)
        case ScalarNode():
            return replace(node, mark=mark)


def _of_assignment(problem: Problem, source: Source, path: str) -> Problem:
    mark = None if problem.mark is None else replace(problem.mark, source=source)
    return replace(problem, mark=mark, key_path=f"{path}.{problem.key_path}" if problem.key_path else path)
