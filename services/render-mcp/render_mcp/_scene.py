"""The scenes themselves: objects, their rules, and the operations that keep a renderer in step.

The store is the truth; renderers follow it. Every change returns the operations of the scene protocol that describe it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

DRAWABLE_TYPES = ("box", "sphere")
_ALIASES = {"cube": "box", "ball": "sphere"}
# One scene stays well inside what a page draws fluently and a data channel carries at once.
MAX_OBJECTS = 500

Triple = tuple[float, float, float]
Operation = tuple[str, dict[str, Any]]


class SceneError(Exception):
    """A change that a scene refuses: ``reason`` is a word for programs, the message a sentence for readers."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One primitive. ``size`` is a box's half-edge or a sphere's radius in metres; colours are 0..1."""

    id: str
    type: str
    position: Triple
    color: Triple
    size: float

    def wire(self) -> dict[str, Any]:
        """Return the object as the scene protocol carries it."""
        return {
            "id": self.id,
            "type": self.type,
            "position": list(self.position),
            "color": list(self.color),
            "size": self.size,
        }

    def state(self) -> dict[str, Any]:
        """Return the object as ``get_scene_state`` tells it."""
        x, y, z = self.position
        r, g, b = self.color
        return {
            "id": self.id,
            "type": self.type,
            "position": {"x": x, "y": y, "z": z},
            "color": {"r": r, "g": g, "b": b},
            "size": self.size,
        }


class Scene:
    """What one participant (or everybody, when shared) has built, in the order it was built."""

    def __init__(self) -> None:
        self._objects: dict[str, SceneObject] = {}
        self._next_number: dict[str, int] = {}

    def __iter__(self) -> Iterator[SceneObject]:
        return iter(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def add(self, prim_type: str, position: Triple, color: Triple, size: float) -> tuple[SceneObject, list[Operation]]:
        """Create an object with an id that was never used in this scene.

        Raises:
            SceneError: the type cannot be drawn, a value is outside its range, or the scene is full.
        """
        kind = _drawable(prim_type)
        _check(color, size)
        if len(self._objects) >= MAX_OBJECTS:
            raise SceneError("scene_full", f"the scene holds {MAX_OBJECTS} objects already; remove some first")
        number = self._next_number.get(kind, 0)
        self._next_number[kind] = number + 1
        made = SceneObject(f"{kind}-{number}", kind, position, color, size)
        self._objects[made.id] = made
        return made, [("scene.add", made.wire())]

    def update(
        self,
        obj_id: str,
        *,
        prim_type: str | None = None,
        position: dict[str, float] | None = None,
        color: dict[str, float] | None = None,
        size: float | None = None,
    ) -> list[Operation]:
        """Change an object's given parts; ``position`` and ``color`` hold the components to change by their letters.

        The id stays when the type changes, so that whoever remembers the object (an undo log, "it") still can.

        Raises:
            SceneError: no such object, or as `add`; nothing is changed then.
        """
        old = self._get(obj_id)
        new = replace(
            old,
            type=_drawable(prim_type) if prim_type is not None else old.type,
            position=_merged(old.position, "xyz", position),
            color=_merged(old.color, "rgb", color),
            size=old.size if size is None else size,
        )
        _check(new.color, new.size)
        self._objects[obj_id] = new
        if new.type != old.type:
            return [("scene.remove", {"id": obj_id}), ("scene.add", new.wire())]
        given = {"position": position, "color": color, "size": size}
        groups = {key: value for key, value in new.wire().items() if given.get(key) is not None}
        return [("scene.update", {"id": obj_id, **groups})] if groups else []

    def remove(self, obj_id: str) -> list[Operation]:
        """Delete an object. Raises SceneError when there is none of that id."""
        del self._objects[self._get(obj_id).id]
        return [("scene.remove", {"id": obj_id})]

    def _get(self, obj_id: str) -> SceneObject:
        if obj_id not in self._objects:
            there = ", ".join(self._objects) or "the scene is empty"
            raise SceneError("not_found", f"no object {obj_id!r:.60}; there is: {there}")
        return self._objects[obj_id]


class SceneStore:
    """Every participant's scene, or the one they share."""

    # Ids come and go with every page load; scenes of people long gone must not pile up.
    max_scenes = 200
    _SHARED = ""

    def __init__(self, *, is_shared: bool = False) -> None:
        self.is_shared = is_shared
        self._scenes: dict[str, Scene] = {}

    def scene_of(self, participant_id: str) -> Scene:
        """Return the participant's scene; it begins empty and stays when they leave, so that they find it again."""
        key = self._SHARED if self.is_shared else participant_id
        scene = self._scenes.pop(key, None)
        if scene is None:  # an empty scene is one, and remembers the ids that it has used
            scene = Scene()
        self._scenes[key] = scene  # last: most recently used
        while len(self._scenes) > self.max_scenes:
            del self._scenes[next(iter(self._scenes))]
        return scene


def _drawable(prim_type: str) -> str:
    kind = prim_type.strip().lower()
    kind = _ALIASES.get(kind, kind)
    if kind not in DRAWABLE_TYPES:
        raise SceneError(
            "unsupported_prim_type",
            f"{prim_type!r:.60} cannot be drawn; can be drawn: {', '.join(DRAWABLE_TYPES)} "
            f"(also called {', '.join(_ALIASES)})",
        )
    return kind


def _merged(old: Triple, letters: str, given: dict[str, float] | None) -> Triple:
    parts = dict(zip(letters, old, strict=True)) | (given or {})
    first, second, third = (parts[letter] for letter in letters)
    return first, second, third


def _check(color: Triple, size: float) -> None:
    if not all(0.0 <= part <= 1.0 for part in color):
        raise SceneError("invalid_color", f"colour {list(color)}: r, g and b are 0..1 (divide a 0..255 scale by 255)")
    if not (size > 0.0 and math.isfinite(size)):
        raise SceneError("invalid_size", f"size {size}: expected more than 0 metres (half-edge of a box, radius)")
