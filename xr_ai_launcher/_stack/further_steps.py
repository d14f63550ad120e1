"""Takes the settings of further setup kinds out of a stack's tree: their own models check them, not the stack's."""

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from xr_ai_config import (
    ConfigError,
    MapNode,
    Node,
    Problem,
    describe,
    format_path,
    locate,
    one_of,
    validate,
)
from xr_ai_launcher._stack import plan
from xr_ai_launcher._stack.merge import without
from xr_ai_launcher._stack.model import SetupModel
from xr_ai_launcher._stack.surroundings import Surroundings

__all__ = ("FurtherSteps", "separate_kinds")

_KEYS = frozenset(SetupModel.model_fields)


@dataclass(slots=True)
class FurtherSteps:
    """A tree without the settings of further kinds, the steps these make, and what is wrong with them."""

    tree: Node
    steps: dict[str, list[plan.KindStep]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def separate_kinds(tree: Node, surroundings: Surroundings) -> FurtherSteps:
    """Return the tree with what is left for the stack's own model. Packages are asked only when a key is not ours."""
    further = FurtherSteps(tree)
    section = locate(tree, ("setup",))
    if section.path and isinstance(section.node, MapNode):
        steps = {name: _own_part(name, node, further, surroundings) for name, node in section.node.items.items()}
        if any(steps[name] is not node for name, node in section.node.items.items()):
            assert isinstance(tree, MapNode), "it has a section"
            further.tree = replace(tree, items={**tree.items, "setup": replace(section.node, items=steps)})
    return further


def _own_part(name: str, node: Node, further: FurtherSteps, surroundings: Surroundings) -> Node:
    others = [key for key in node.items if key not in _KEYS] if isinstance(node, MapNode) else []
    if not others:
        return node
    from xr_ai_launcher._stack.kinds import installed_kind_names

    kinds = [key for key in others if key in installed_kind_names()]
    for key in kinds:
        _take_kind(name, key, node, further, surroundings)
    return without(node, frozenset(kinds)) if kinds else node


def _take_kind(name: str, key: str, step: Node, further: FurtherSteps, surroundings: Surroundings) -> None:
    from xr_ai_launcher._stack.kinds import KindError, load_kind

    located = locate(step, (key,))
    at = format_path(("setup", name, key))
    made = further.steps.setdefault(name, [])
    try:
        installed = load_kind(key)
    except KindError as error:
        made.append(plan.KindStep(key, "{}"))
        further.problems.append(Problem(str(error), located.mark, at))
        return
    if installed.metadata is not None:
        surroundings.note_file(installed.metadata)
    settings = _settings(installed.kind.settings, located.node, at, further.problems)
    if settings is None:
        made.append(plan.KindStep(key, "{}"))
        return
    creates = tuple(installed.kind.creates(settings))
    made.append(plan.KindStep(key, settings.model_dump_json(), creates))


def _settings(model: type[BaseModel], node: Node, at: str, problems: list[Problem]) -> Any:
    """Return the settings as the kind's model has them, None when they are wrong."""
    if not isinstance(node, MapNode):
        expected = f"a mapping with {one_of(model.model_fields)}"
        problems.append(Problem("wrong type", node.mark, at, expected=expected, found=describe(node)))
        return None
    try:
        return validate(node, model, folder=node.mark.source.folder)
    except ConfigError as error:
        problems += [replace(each, key_path=".".join(filter(None, (at, each.key_path)))) for each in error.problems]
        return None
