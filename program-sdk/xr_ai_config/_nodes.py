"""A YAML text as a tree whose every value and key knows where it was written."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xr_ai_config._scalars import Scalar
from xr_ai_config._source import Mark

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value; ``is_plain``: written without quotes, ``is_expanded``: a reference in it was replaced."""

    value: Scalar
    mark: Mark
    is_plain: bool = False
    is_expanded: bool = False


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence of nodes."""

    items: tuple["Node", ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping; keys are text, ``key_marks`` says where each was written."""

    items: dict[str, "Node"]
    mark: Mark
    key_marks: dict[str, Mark] = field(default_factory=dict)


Node = ScalarNode | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Located:
    """What a key path leads to: the deepest node on the way, and the mark to show for it."""

    node: Node
    mark: Mark
    path: KeyPath


def locate(root: Node, path: Sequence[str | int]) -> Located:
    """Follow ``path`` as far as it goes; segments that are not in the tree (a validator's own words) are skipped."""
    node, mark = root, root.mark
    found: KeyPath = ()
    for segment in path:
        child = _child(node, segment)
        if child is None:
            continue
        mark = _best_mark(node, segment, child)
        node, found = child, (*found, segment)
    return Located(node, mark, found)


def replaced(root: Node, path: Sequence[str | int], node: Node) -> Node:
    """Return the tree with ``node`` at ``path``, which must exist."""
    if not path:
        return node
    child = replaced(_existing(root, path[0]), path[1:], node)
    if isinstance(root, MapNode):
        return replace(root, items={**root.items, str(path[0]): child})
    assert isinstance(root, ListNode), "a path leads through mappings and lists"
    return replace(root, items=tuple(child if index == path[0] else item for index, item in enumerate(root.items)))


def to_plain(node: Node) -> Any:
    """Return the tree as dicts, lists and scalars."""
    match node:
        case MapNode():
            return {key: to_plain(value) for key, value in node.items.items()}
        case ListNode():
            return [to_plain(item) for item in node.items]
        case ScalarNode():
            return node.value


def format_path(path: Sequence[str | int]) -> str:
    """Return ``roles.worker.command[1]`` for ``("roles", "worker", "command", 1)``."""
    text = ""
    for segment in path:
        text += f"[{segment}]" if isinstance(segment, int) else f".{segment}" if text else segment
    return text


def describe(node: Node) -> str:
    """Return what a node holds in a reader's words: ``text "abc"``, ``a list``, ``nothing``."""
    match node:
        case MapNode():
            return "a mapping" if node.items else "an empty mapping"
        case ListNode():
            return "a list" if node.items else "an empty list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool(value)):
            return "true" if value else "false"
        case ScalarNode(value=str(value)):
            return f'text "{value if len(value) <= 60 else value[:57] + "..."}"'
        case ScalarNode(value=value):
            return f"number {value}"


def _child(node: Node, segment: str | int) -> Node | None:
    if isinstance(node, MapNode):
        return node.items.get(str(segment))
    if isinstance(node, ListNode) and isinstance(segment, int) and 0 <= segment < len(node.items):
        return node.items[segment]
    return None


def _existing(node: Node, segment: str | int) -> Node:
    child = _child(node, segment)
    if child is None:
        raise KeyError(segment)
    return child


def _best_mark(parent: Node, segment: str | int, child: Node) -> Mark:
    """The value's own place, unless it begins on a later line than its key: then the key names it better."""
    if isinstance(parent, MapNode):
        key_mark = parent.key_marks.get(str(segment))
        if key_mark is not None and (key_mark.source is not child.mark.source or key_mark.line != child.mark.line):
            return key_mark
    return child.mark
