"""Lays one node tree over another; every value keeps the place it was written."""

from dataclasses import replace

from xr_ai_config import KeyPath, MapNode, Node, ScalarNode

__all__ = ("merge", "pick", "without")

# A probe is chosen as a whole: laying `tcp:` over `http:` would leave both.
_WHOLE_KEYS = frozenset({"ready"})
_ROLE_DEPTH = 3  # roles.NAME.ready


def merge(base: Node, over: Node, *, path: KeyPath = ()) -> Node:
    """Return ``base`` with ``over`` laid on top: mappings merge key by key, anything else is replaced.

    A key that ``over`` sets to nothing (``config: ~``) is removed.
    """
    if not isinstance(base, MapNode) or not isinstance(over, MapNode) or _is_whole(path):
        return over
    items, marks = dict(base.items), dict(base.key_marks)
    for key, value in over.items.items():
        if _is_nothing(value):
            items.pop(key, None)
            continue
        is_same_mapping = isinstance(items.get(key), MapNode) and isinstance(value, MapNode)
        items[key] = merge(items[key], value, path=(*path, key)) if key in items else value
        if not is_same_mapping:  # a mapping that is only added to stays where it was declared
            marks[key] = over.key_marks[key]
    return replace(base, items=items, key_marks=marks)


def pick(node: Node, keys: frozenset[str]) -> Node:
    """Return a mapping with only ``keys``."""
    return _filtered(node, keys, wanted=True)


def without(node: Node, keys: frozenset[str]) -> Node:
    """Return a mapping without ``keys``."""
    return _filtered(node, keys, wanted=False)


def _filtered(node: Node, keys: frozenset[str], *, wanted: bool) -> Node:
    if not isinstance(node, MapNode):
        return node
    return replace(node, items={key: value for key, value in node.items.items() if (key in keys) is wanted})


def _is_whole(path: KeyPath) -> bool:
    return len(path) == _ROLE_DEPTH and path[0] == "roles" and path[-1] in _WHOLE_KEYS


def _is_nothing(value: Node) -> bool:
    return isinstance(value, ScalarNode) and value.value is None
