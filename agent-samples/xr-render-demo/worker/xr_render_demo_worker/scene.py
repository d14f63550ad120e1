"""The scene as the tools report it, and what changed between two looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ("Change", "Scene", "SceneObject", "describe", "diff", "scene_of", "what_changed")

SceneObject: TypeAlias = Mapping[str, Any]
Scene: TypeAlias = Mapping[str, SceneObject]

# Servers round to millimetres; smaller differences are no change.
_TOLERANCE = 1e-4
_WORDS = {
    "added": "adding", "removed": "removing", "position": "moving", "color": "recolouring", "size": "resizing",
    "type": "reshaping",
}  # fmt: skip
_PARTS = ("position", "color", "size", "type")


@dataclass(frozen=True)
class Change:
    """One object before and after; None stands for "was not there"."""

    before: SceneObject | None
    after: SceneObject | None

    @property
    def object_id(self) -> str:
        """Id of the object, the present one if it still exists."""
        return str((self.after or self.before or {})["id"])

    @property
    def is_move(self) -> bool:
        """Whether the same object stands somewhere else."""
        if self.before is None or self.after is None:
            return False
        return not _equal(self.before["position"], self.after["position"])


def scene_of(state: Any) -> Scene:
    """Return the objects of a ``get_scene_state`` answer by id, in their order.

    Raises:
        ValueError: the answer is no scene; the message holds its error when it has one.
    """
    if not isinstance(state, Mapping) or not isinstance(state.get("objects"), Sequence):
        reason = state.get("error") if isinstance(state, Mapping) else None
        raise ValueError(str(reason or f"not a scene: {str(state)[:120]}"))
    return {str(item["id"]): item for item in state["objects"]}


def diff(before: Scene, after: Scene) -> list[Change]:
    """Return what is different: removals, then changes and additions in the order of the later scene.

    Removals come newest first, so that undoing the list from its end brings objects back in the order they had.
    """
    removed = [Change(item, None) for key, item in reversed(list(before.items())) if key not in after]
    changed = [
        Change(before.get(key), item)
        for key, item in after.items()
        if key not in before or not _equal(before[key], item)
    ]
    return removed + changed


def describe(change: Change) -> str:
    """Return the change in a few words, for a log line or a tool result: "adding box-0", "moving sphere-1"."""
    words = [_WORDS[part] for part in what_changed(change)]
    return f"{' and '.join(words) or 'changing'} {change.object_id}"


def what_changed(change: Change) -> list[str]:
    """Return "added", "removed", or which of position, color, size and type differ."""
    if change.before is None or change.after is None:
        return ["added" if change.before is None else "removed"]
    return [part for part in _PARTS if not _equal(change.before.get(part), change.after.get(part))]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _TOLERANCE
    return bool(one == other)
