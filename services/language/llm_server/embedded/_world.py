"""The scene and the user's head as a request tells them, kept up to date while a plan runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scene_language.colors import RGB, name_of
from scene_language.lexicon import DEFAULT_SIZE_M

__all__ = ("DEFAULT_COLOR", "NEGLIGIBLE_M", "Head", "Point", "Scene", "SceneObject", "point_of")

DEFAULT_COLOR: RGB = (0.2, 0.9, 1.0)
"""What the renderer gives an object for which no colour was said."""

NEGLIGIBLE_M = 0.1
"""Nearer than this to an axis of the user's view, a direction is not worth saying."""

_NOUNS = {"box": "cube"}


@dataclass(frozen=True)
class Point:
    """A position in the room, in metres: +x right, +y up, −z forward."""

    x: float
    y: float
    z: float

    def arguments(self, prefix: str = "") -> dict[str, float]:
        """Return the coordinates as tool arguments, e.g. ``origin_x``."""
        return {f"{prefix}x": self.x, f"{prefix}y": self.y, f"{prefix}z": self.z}

    def distance_to(self, other: "Point") -> float:
        """Return the distance in metres."""
        return math.dist((self.x, self.y, self.z), (other.x, other.y, other.z))


def point_of(value: Any) -> Point | None:
    """Read ``{x, y, z}`` (more fields allowed) or ``[x, y, z]``; None when it is neither."""
    if isinstance(value, Mapping):
        value = [value.get(axis) for axis in "xyz"]
    if not isinstance(value, Sequence) or len(value) != 3 or not all(isinstance(v, int | float) for v in value):
        return None
    return Point(*(float(v) for v in value))


@dataclass(frozen=True)
class SceneObject:
    """One object of the scene; ``size`` is half its width."""

    id: str
    type: str
    position: Point
    color: RGB
    size: float

    @property
    def noun(self) -> str:
        """What people call its shape."""
        return _NOUNS.get(self.type, self.type)

    @property
    def name(self) -> str:
        """Colour and shape: "red cube"."""
        return f"{name_of(self.color)} {self.noun}"

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "SceneObject | None":
        """Read an object of `get_scene_state`; None when it has no id, type or position."""
        position = point_of(state.get("position"))
        if position is None or not isinstance(state.get("id"), str) or not isinstance(state.get("type"), str):
            return None
        color = state.get("color")
        rgb = tuple(float(color.get(key, 0.0)) for key in "rgb") if isinstance(color, Mapping) else DEFAULT_COLOR
        size = state.get("size")
        return cls(
            state["id"],
            state["type"],
            position,
            (rgb[0], rgb[1], rgb[2]),
            float(size) if isinstance(size, int | float) else DEFAULT_SIZE_M,
        )


class Scene:
    """The objects in the order in which they were added."""

    def __init__(self, objects: Sequence[SceneObject]) -> None:
        self._objects = {item.id: item for item in objects}

    @classmethod
    def of(cls, state: Any) -> "Scene | None":
        """Read what `get_scene_state` returns; None when it is something else."""
        objects = state.get("objects") if isinstance(state, Mapping) else None
        if not isinstance(objects, list):
            return None
        read = (SceneObject.of(item) for item in objects if isinstance(item, Mapping))
        return cls([item for item in read if item is not None])

    @property
    def objects(self) -> list[SceneObject]:
        """All objects, oldest first."""
        return list(self._objects.values())

    def get(self, object_id: str) -> SceneObject | None:
        """Return the object of that id, if it is there."""
        return self._objects.get(object_id)

    def put(self, item: SceneObject) -> None:
        """Add an object, or replace the one of its id."""
        self._objects[item.id] = item

    def change(self, object_id: str, **fields: Any) -> None:
        """Change fields of an object."""
        self._objects[object_id] = replace(self._objects[object_id], **fields)

    def remove(self, object_id: str) -> None:
        """Take an object out."""
        self._objects.pop(object_id, None)


@dataclass(frozen=True)
class Head:
    """Where the user's head is and which way it faces on the ground (unit vectors in x and z)."""

    position: Point
    forward: tuple[float, float]

    @classmethod
    def of(cls, pose: Any) -> "Head | None":
        """Read what `get_head_pose` returns; None when it is not a valid pose."""
        if not isinstance(pose, Mapping) or pose.get("is_valid") is False or pose.get("error"):
            return None
        position, forward = point_of(pose.get("position")), point_of(pose.get("forward"))
        if position is None or forward is None:
            return None
        length = math.hypot(forward.x, forward.z)
        # Looking straight up or down: the ground direction is as good as unknown, forward is the room's.
        return cls(position, (forward.x / length, forward.z / length) if length > 1e-3 else (0.0, -1.0))

    def seen(self, point: Point) -> tuple[float, float, float]:
        """Return a point as the user sees it: metres to the right, up and ahead."""
        dx, dz = point.x - self.position.x, point.z - self.position.z
        forward_x, forward_z = self.forward
        return dz * forward_x - dx * forward_z, point.y - self.position.y, dx * forward_x + dz * forward_z
