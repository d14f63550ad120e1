"""``${NAME}`` and ``${NAME:-default}`` inside values."""

import os
import re
from collections.abc import Callable
from dataclasses import replace

from xr_ai_config._nodes import KeyPath, ListNode, MapNode, Node, ScalarNode, format_path
from xr_ai_config._problem import Problem
from xr_ai_config._scalars import Trap, resolve_plain

# `$${x}` is the text `${x}`.
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")
_DEFAULT_MARK = ":-"

Lookup = Callable[[str], str | None]
"""Returns the text a name stands for, None when it has no value; raises `UnknownName` for one it does not know."""
NodeLookup = Callable[[str, ScalarNode], str | None]
"""A `Lookup` that also sees the value in which the name was written."""


class UnknownName(Exception):
    """A lookup does not know a name; the message says which, ``hint`` what would repair it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def expand(text: str, lookup: Lookup) -> str:
    """Return ``text`` with every ``${name}`` replaced by what ``lookup(name)`` returns.

    ``${name:-default}`` falls back when the lookup returns None, "" or does not know the name.

    Raises:
        UnknownName: from the lookup, or because a reference is not closed or has no value.
    """

    def substitute(match: re.Match[str]) -> str:
        whole, expression = match.group(0), match.group(1)
        if expression is None:
            return "${"
        if not whole.endswith("}"):
            raise UnknownName(f"`{whole}` is not closed", "write `${name}`, or `$${` for the text `${`")
        name, has_default, default = expression.partition(_DEFAULT_MARK)
        try:
            value = lookup(name.strip())
        except UnknownName:
            if not has_default:
                raise
            value = None
        if value or (value is not None and not has_default):
            return value
        if has_default:
            return default
        raise UnknownName(f"`{name}` has no value", f"set it, or write `${{{name}:-default}}`")

    return _REFERENCE.sub(substitute, text) if "$" in text else text


def environment_lookup(name: str) -> str | None:
    """Look a name up in this process' environment."""
    if name not in os.environ:
        raise UnknownName(f"environment variable {name} is not set", f"set it, or write `${{{name}:-default}}`")
    return os.environ[name]


def interpolate(node: Node, lookup: NodeLookup, *, path: KeyPath = ()) -> tuple[Node, list[Problem]]:
    """Return the tree with all references replaced, and a problem for each that could not be.

    An unquoted value is typed after the replacement: ``port: ${PORT:-8080}`` is a number. A quoted one is text, which
    `validate` takes for a number or a boolean where only that will do: YAML demands quotes in ``{port: "${PORT}"}``.
    """
    match node:
        case ScalarNode(value=str(text)) if "${" in text:
            return _scalar(node, text, lookup, path)
        case MapNode():
            results = {key: interpolate(value, lookup, path=(*path, key)) for key, value in node.items.items()}
            problems = [problem for _, found in results.values() for problem in found]
            return replace(node, items={key: value for key, (value, _) in results.items()}), problems
        case ListNode():
            parts = [interpolate(item, lookup, path=(*path, index)) for index, item in enumerate(node.items)]
            return replace(node, items=tuple(item for item, _ in parts)), [p for _, found in parts for p in found]
    return node, []


def _scalar(node: ScalarNode, text: str, lookup: NodeLookup, path: KeyPath) -> tuple[Node, list[Problem]]:
    try:
        expanded = expand(text, lambda name: lookup(name, node))
    except UnknownName as error:
        return node, [Problem(str(error), node.mark, format_path(path), hint=error.hint)]
    typed = resolve_plain(expanded) if node.is_plain else expanded
    # What a variable holds is not what was written here: a word that would be a trap in the file is plain text.
    return replace(node, value=expanded if isinstance(typed, Trap) else typed, is_expanded=True), []
