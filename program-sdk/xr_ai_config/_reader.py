"""Reads YAML text into a node tree; everything that is wrong with the text itself becomes a problem."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from xr_ai_config._nodes import KeyPath, ListNode, MapNode, Node, ScalarNode, format_path
from xr_ai_config._problem import ConfigError, Problem
from xr_ai_config._scalars import Trap, resolve_plain
from xr_ai_config._source import Mark, Source
from xr_ai_config._suggest import similar_file

# Aliases of aliases can make a small file expand without end; no honest configuration comes near this.
_MAX_NODES = 100_000
_STR_TAG, _SEQ_TAG, _MAP_TAG = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_MERGE_KEY = "<<"


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was read: its tree (an empty mapping when the text is empty) and what is wrong with it."""

    root: Node
    source: Source
    problems: tuple[Problem, ...] = ()


def read_yaml(path: Path) -> Document:
    """Read a file.

    Raises:
        ConfigError: the file is missing, unreadable, not UTF-8 or not YAML.
    """
    source = Source(str(path), path.absolute(), ())
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Problem(f"{path}: not UTF-8 text (byte {error.start})", hint="save the file as UTF-8")]
        ) from error
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or str(error))
        raise ConfigError([Problem(f"{path}: {reason}", hint=similar_file(path))]) from error
    return parse_yaml(text, source.name, path=source.path)


def parse_yaml(text: str, name: str, *, path: Path | None = None) -> Document:
    """Read YAML from a string; ``name`` is what errors call it.

    Raises:
        ConfigError: the text is not YAML.
    """
    source = Source(name, path, tuple(text.splitlines()))
    try:
        tree = _compose(text)
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, source)]) from error
    if tree is None:
        return Document(MapNode({}, Mark(source, 1, 1)), source)
    converter = _Converter(source)
    return Document(converter.convert(tree), source, tuple(converter.problems))


def _compose(text: str) -> yaml.Node | None:
    loader = _FastLoader(text)
    try:
        return loader.get_single_node()
    except yaml.YAMLError:
        # The slower parser has the clearer words; it is only needed when there is something to say.
        return yaml.compose(text, yaml.BaseLoader)
    finally:
        loader.dispose()


if yaml.__with_libyaml__:

    class _FastLoader(yaml.CBaseLoader):
        """libyaml's composer, every scalar left as text."""
else:

    class _FastLoader(yaml.BaseLoader):  # type: ignore[no-redef]
        """The composer in Python, every scalar left as text."""


def _syntax_problem(error: Any, source: Source) -> Problem:
    mark, context_mark = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    if mark is None:
        return Problem(f"not YAML: {problem}", Mark(source, 1, 1))
    if mark.line >= len(source.lines):
        return Problem(f"not YAML: something is never closed ({error.context})", _begin_of_open(context_mark, source))
    line = source.lines[mark.line] if mark.line < len(source.lines) else ""
    if "\t" in line[: mark.column + 1]:
        return Problem("a tab cannot indent YAML", Mark(source, mark.line + 1, line.index("\t") + 1), hint="use spaces")
    began = f" ({error.context}, begun in line {context_mark.line + 1})" if context_mark is not None else ""
    place = Mark(source, mark.line + 1, mark.column + 1)
    return Problem(f"not YAML: {problem}{began}", place, hint=_syntax_hint(problem, line))


def _begin_of_open(context_mark: Any, source: Source) -> Mark:
    """Only the end of the text shows that something is open; where it began helps more, if the parser knows."""
    if context_mark is not None and context_mark.line < len(source.lines):
        return Mark(source, context_mark.line + 1, context_mark.column + 1)
    return Mark(source, len(source.lines), len(source.lines[-1]) if source.lines else 1)


def _syntax_hint(problem: str, line: str) -> str:
    if "${" in line and "but got '{'" in problem:
        return "inside {…} and […], quote a value that holds a reference"
    if "mapping values are not allowed" in problem:
        return "quote a value that contains `: `, or check the indentation"
    if "found another document" in problem:
        return "only one document per file: remove the `---` line"
    if "<block end>" in problem:
        return "check the indentation: this line belongs to nothing above it"
    if "cannot start any token" in problem:
        return "quote a value that starts with this character"
    if "undefined alias" in problem:
        return "quote a value that starts with `*`, or define the anchor before it"
    return ""


@dataclass(slots=True)
class _Converter:
    """Turns PyYAML's nodes into ours, resolving plain words and collecting problems."""

    source: Source
    problems: list[Problem] = field(default_factory=list)
    _count: int = 0
    _open: set[int] = field(default_factory=set)

    def convert(self, node: yaml.Node, path: KeyPath = ()) -> Node:
        self._count += 1
        mark = self._mark(node)
        if self._count > _MAX_NODES:
            raise ConfigError([Problem(f"more than {_MAX_NODES} values once aliases are expanded", mark)])
        if id(node) in self._open:
            raise ConfigError([Problem("an alias contains itself", mark)])
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, mark, path)
            if isinstance(node, yaml.SequenceNode):
                self._check_tag(node, _SEQ_TAG, mark, path)
                items = (self.convert(item, (*path, index)) for index, item in enumerate(node.value))
                return ListNode(tuple(items), mark)
            return self._scalar(node, mark, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, mark: Mark, path: KeyPath) -> MapNode:
        self._check_tag(node, _MAP_TAG, mark, path)
        items: dict[str, Node] = {}
        key_marks: dict[str, Mark] = {}
        merged: list[MapNode] = []
        for key_node, value_node in node.value:
            key_mark = self._mark(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                hint = "quote text that starts with `{`, `[` or `?`"
                self._report("a key must be a word", key_mark, path, hint=hint)
                continue
            key = key_node.value
            value = self.convert(value_node, (*path, key))
            if key == _MERGE_KEY and not key_node.style:
                merged.extend(self._merged(value, key_mark, path))
            elif key in items:
                hint = f"it is already set in line {key_marks[key].line}; keep one"
                self._report(f"duplicate key `{key}`", key_mark, (*path, key), hint=hint)
            else:
                items[key], key_marks[key] = value, key_mark
        for other in merged:
            for key, value in other.items.items():
                if key not in items:
                    items[key], key_marks[key] = value, other.key_marks[key]
        return MapNode(items, mark, key_marks)

    def _merged(self, value: Node, key_mark: Mark, path: KeyPath) -> list[MapNode]:
        candidates = value.items if isinstance(value, ListNode) else (value,)
        maps = [candidate for candidate in candidates if isinstance(candidate, MapNode)]
        if len(maps) != len(candidates):
            self._report(
                "`<<` merges mappings", key_mark, path, hint="give it an alias of a mapping, or a list of them"
            )
        return maps

    def _scalar(self, node: yaml.Node, mark: Mark, path: KeyPath) -> ScalarNode:
        is_plain = not getattr(node, "style", None)
        if not self._check_tag(node, _STR_TAG, mark, path) or not is_plain or self._is_tagged(node):
            return ScalarNode(node.value, mark)
        value = resolve_plain(node.value)
        if isinstance(value, Trap):
            self._report(value.message, mark, path, hint=value.repair)
            value = node.value
        return ScalarNode(value, mark, is_plain=True)

    def _is_tagged(self, node: yaml.Node) -> bool:
        """Whether the text says ``!!str`` (the composer gives untagged scalars the same tag)."""
        line = self.source.lines[node.start_mark.line] if node.start_mark.line < len(self.source.lines) else ""
        return line[node.start_mark.column :].startswith("!")

    def _check_tag(self, node: yaml.Node, allowed: str, mark: Mark, path: KeyPath) -> bool:
        if node.tag == allowed or node.tag == "!":
            return True
        tag = re.sub(r"^tag:yaml\.org,2002:", "!!", node.tag)
        self._report(f"the tag `{tag}` is not understood", mark, path, hint="remove it; types follow from the key")
        return False

    def _report(self, message: str, mark: Mark, path: KeyPath, *, hint: str = "") -> None:
        self.problems.append(Problem(message, mark, format_path(path), hint=hint))

    def _mark(self, node: yaml.Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return Mark(self.source, start.line + 1, start.column + 1, max(1, length))
