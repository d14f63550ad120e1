"""Replaces ``${...}`` in a merged tree: variables, environment, other roles' ports, the profile, the file's folder."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xr_ai_config import (
    KeyPath,
    MapNode,
    Node,
    Problem,
    ScalarNode,
    UnknownName,
    did_you_mean,
    expand,
    interpolate,
    locate,
    one_of,
)
from xr_ai_launcher._stack.values import env_text

__all__ = ("Resolution", "resolve_references")

_RESERVED = frozenset({"profile", "run_dir", "stack", "stack_dir"})
_NO_PROFILE = "default"
# A role's keys that other parts may refer to, with what they are when the role does not say.
_ROLE_DEFAULTS = {"host": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Resolution:
    """A tree without references, what could not be resolved, the variables, and which role mentions which."""

    tree: Node
    problems: list[Problem]
    variables: dict[str, str]
    uses: frozenset[tuple[str, str]] = frozenset()


def resolve_references(tree: Node, profile: str | None, environment: Mapping[str, str] | None = None) -> Resolution:
    """Replace every reference in ``tree``; ``${setup.NAME}`` and ``${run_dir}`` stay: they are known only later."""
    names = _Names(tree, profile, os.environ if environment is None else environment)
    problems = [*names.reserved_variables()]
    variables: dict[str, str] = {}
    for name, node in names.variables().items():
        try:
            variables[name] = names.lookup(name, node)
        except UnknownName:
            continue  # reported where it is written, below
    resolved, found = interpolate(tree, names.lookup)
    uses = frozenset((user, used) for user, used in _uses(tree) if user != used)
    return Resolution(resolved, problems + found, variables, uses)


@dataclass(slots=True)
class _Names:
    """What a name in ``${...}`` stands for."""

    tree: Node
    profile: str | None
    environment: Mapping[str, str]
    _open: list[str] = field(default_factory=list)

    def variables(self) -> dict[str, ScalarNode]:
        node = locate(self.tree, ("vars",))
        if node.path != ("vars",) or not isinstance(node.node, MapNode):
            return {}
        return {key: value for key, value in node.node.items.items() if isinstance(value, ScalarNode)}

    def reserved_variables(self) -> Iterator[Problem]:
        for name, node in self.variables().items():
            if name in _RESERVED:
                yield Problem(
                    f"`{name}` has a meaning of its own", node.mark, f"vars.{name}", hint="choose another name"
                )

    def lookup(self, name: str, node: ScalarNode) -> str:
        """Return what ``name`` stands for where ``node`` was written.

        Raises:
            UnknownName: nobody knows it, or it refers to itself.
        """
        if name in self._open:
            raise UnknownName(f"`${{{name}}}` refers to itself", " → ".join([*self._open, name]))
        self._open.append(name)
        try:
            return self._meaning(name, node)
        finally:
            self._open.pop()

    def _meaning(self, name: str, node: ScalarNode) -> str:
        head, _, rest = name.partition(".")
        if name == "profile":
            return self.profile or _NO_PROFILE
        if name == "stack_dir":
            return str(node.mark.source.folder)
        if name == "run_dir":
            return "${run_dir}"
        if name == "stack":
            return self._at(("stack",), name)
        if head == "env" and rest:
            return self._variable_of_environment(rest)
        if head == "roles" and rest:
            return self._of_role(name)
        if head == "setup" and rest:
            return self._of_setup(rest)
        return self._variable(name)

    def _variable(self, name: str) -> str:
        variables = self.variables()
        if name in variables:
            return self._text(variables[name])
        if name in os.environ:
            raise UnknownName(f"unknown variable `{name}`", f"for the environment's, write `${{env.{name}}}`")
        known = [*variables, *sorted(_RESERVED), "env.NAME", "roles.NAME.ports.KEY", "setup.NAME"]
        hint = did_you_mean(name, known) or f"write it under `vars:`; known are {one_of(known)}"
        raise UnknownName(f"unknown variable `{name}`", hint)

    def _variable_of_environment(self, name: str) -> str:
        if name in self.environment:
            return self.environment[name]
        raise UnknownName(f"environment variable {name} is not set", f"set it, or write `${{env.{name}:-default}}`")

    def _of_role(self, name: str) -> str:
        path = tuple(name.split("."))
        if len(path) == 3 and path[2] in _ROLE_DEFAULTS and locate(self.tree, path[:2]).path == path[:2]:
            return self._at(path, name, default=_ROLE_DEFAULTS[path[2]])
        return self._at(path, name)

    def _of_setup(self, step: str) -> str:
        known = _keys(self.tree, ("setup",))
        if step not in known:
            hint = did_you_mean(step, known) or (f"known: {one_of(known)}" if known else "the stack has no setup steps")
            raise UnknownName(f"no setup step `{step}`", hint)
        return f"${{setup.{step}}}"

    def _at(self, path: KeyPath, name: str, default: str | None = None) -> str:
        located = locate(self.tree, path)
        if located.path == path and isinstance(located.node, ScalarNode):
            return self._text(located.node)
        if default is not None:
            return default
        depth = next((n for n, segment in enumerate(path) if path[: n + 1] != located.path[: n + 1]), len(path))
        known = _keys(self.tree, path[:depth])
        missing = str(path[min(depth, len(path) - 1)])
        hint = did_you_mean(missing, known) or (f"known there: {one_of(known)}" if known else "")
        raise UnknownName(f"`{name}` does not exist", hint)

    def _text(self, node: ScalarNode) -> str:
        value = node.value
        if isinstance(value, str):
            return expand(value, lambda name: self.lookup(name, node))
        return "" if value is None else env_text(value)


def _keys(tree: Node, path: KeyPath) -> list[str]:
    located = locate(tree, path)
    return list(located.node.items) if located.path == path and isinstance(located.node, MapNode) else []


def _uses(tree: Node) -> Iterator[tuple[str, str]]:
    """Yield (role, role it mentions) for each ``${roles.NAME…}`` inside a role."""
    for role in _keys(tree, ("roles",)):
        for text in _texts(locate(tree, ("roles", role)).node):
            for part in text.split("${roles.")[1:]:
                yield role, part.partition(".")[0]


def _texts(node: Node) -> Iterator[str]:
    match node:
        case MapNode():
            for value in node.items.values():
                yield from _texts(value)
        case ScalarNode(value=str(text)):
            yield text
        case ScalarNode():
            return
        case _:
            for item in node.items:
                yield from _texts(item)
