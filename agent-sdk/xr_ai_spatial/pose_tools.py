"""The pose-relative tools: placements in the user's own directions, as the tool contract has them.

Each takes the head's pose first (None while it is unknown) and returns the contract's result: a point ``{x, y, z}`` in
millimetre precision, or ``{"error": …}``.
"""

from collections.abc import Sequence
from typing import Any, Literal

from xr_ai_spatial.pose import GroundBasis, HeadPose
from xr_ai_spatial.vectors import Vec3

__all__ = (
    "POSE_TOOLS",
    "ObjectDirection",
    "UserDirection",
    "displace_object",
    "displace_objects",
    "place_inside_by_id",
    "place_object_relative",
    "place_user_relative",
    "position_ahead",
    "position_relative",
)

UserDirection = Literal["front", "back", "left", "right", "above", "below"]
ObjectDirection = Literal["front", "back", "left", "right", "above", "below", "next_to"]

_VERTICAL = {"above": 1.0, "below": -1.0}


def position_ahead(pose: HeadPose | None, distance: float = 1.5) -> dict[str, Any]:
    """Return the point `distance` metres along the user's gaze, up or down included, as {x, y, z}."""
    if pose is None:
        return _pose_unavailable()
    return pose.position.plus(pose.forward.times(distance)).as_dict()


def position_relative(
    pose: HeadPose | None,
    forward: float = 0,
    right: float = 0,
    up: float = 0,
    origin_x: float | None = None,
    origin_y: float | None = None,
    origin_z: float | None = None,
) -> dict[str, Any]:
    """Return a point offset in the user's level directions (metres) as {x, y, z}.

    The origin is the user's head; each of origin_x, origin_y, origin_z that is given replaces that coordinate alone.
    """
    if pose is None:
        return _pose_unavailable()
    head = pose.position
    origin = Vec3(
        head.x if origin_x is None else origin_x,
        head.y if origin_y is None else origin_y,
        head.z if origin_z is None else origin_z,
    )
    return origin.plus(pose.ground.offset(forward=forward, right=right, up=up)).as_dict()


def place_user_relative(pose: HeadPose | None, direction: UserDirection, distance: float = 1.5) -> dict[str, Any]:
    """Return the point `distance` metres from the user's head as {x, y, z}: "in front of me", "to my left".

    front, back, left and right stay at head height however the head is tilted; above and below are straight up and
    down. The distance is never negative.
    """
    if distance < 0:
        return _negative_distance()
    if pose is None:
        return _pose_unavailable()
    return pose.position.plus(_user_direction(pose.ground, direction).times(distance)).as_dict()


def place_object_relative(
    pose: HeadPose | None,
    origin_x: float,
    origin_y: float,
    origin_z: float,
    direction: ObjectDirection,
    distance: float = 0.3,
) -> dict[str, Any]:
    """Return the point `distance` metres from an object's centre, as the user sees it, as {x, y, z}.

    front is the object's side toward the user, back the side away; left and right are the user's own left and right;
    next_to is right. The distance is never negative.
    """
    if distance < 0:
        return _negative_distance()
    origin = Vec3(origin_x, origin_y, origin_z)
    if direction in _VERTICAL:
        return origin.plus(Vec3(0.0, _VERTICAL[direction] * distance, 0.0)).as_dict()
    if pose is None:
        return _pose_unavailable()
    return origin.plus(_seen_direction(pose, origin, direction).times(distance)).as_dict()


def displace_object(
    pose: HeadPose | None,
    current_x: float,
    current_y: float,
    current_z: float,
    right: float = 0,
    up: float = 0,
    forward: float = 0,
) -> dict[str, Any]:
    """Return an object's position moved in the user's level directions (signed metres) as {x, y, z}.

    For "up a bit", "to the left", "closer": negative right is left, negative forward is toward the user's back.
    """
    if pose is None:
        return _pose_unavailable()
    delta = pose.ground.offset(forward=forward, right=right, up=up)
    return Vec3(current_x, current_y, current_z).plus(delta).as_dict()


def displace_objects(
    pose: HeadPose | None,
    object_ids: list[str],
    current_xs: list[float],
    current_ys: list[float],
    current_zs: list[float],
    right: float = 0,
    up: float = 0,
    forward: float = 0,
) -> dict[str, Any]:
    """Move several objects by one displacement in the user's level directions (signed metres).

    Returns {items: [{obj_id, x, y, z}, …]} in the order given; follow it with one update_primitive per item.
    """
    columns: tuple[Sequence[Any], ...] = (object_ids, current_xs, current_ys, current_zs)
    if len({len(column) for column in columns}) != 1:
        return {"error": "object_ids / current_xs / current_ys / current_zs must all be the same length"}
    if not object_ids:
        return {"items": []}
    if pose is None:
        return _pose_unavailable()
    delta = pose.ground.offset(forward=forward, right=right, up=up)
    rows = zip(object_ids, current_xs, current_ys, current_zs, strict=True)
    return {"items": [{"obj_id": name, **Vec3(x, y, z).plus(delta).as_dict()} for name, x, y, z in rows]}


def place_inside_by_id(
    pose: HeadPose | None, movee_id: str, container_x: float, container_y: float, container_z: float
) -> dict[str, Any]:
    """Return where to put `movee_id` so that it is inside the container whose centre is given: {obj_id, x, y, z}."""
    del pose  # the container's own place says it all; the argument is there so that all pose tools are called alike
    return {"obj_id": movee_id, **Vec3(container_x, container_y, container_z).as_dict()}


POSE_TOOLS = (
    position_ahead,
    position_relative,
    place_user_relative,
    place_object_relative,
    place_inside_by_id,
    displace_object,
    displace_objects,
)


def _user_direction(basis: GroundBasis, direction: str) -> Vec3:
    directions = {
        "front": basis.offset(forward=1),
        "back": basis.offset(forward=-1),
        "left": basis.offset(right=-1),
        "right": basis.offset(right=1),
        "next_to": basis.offset(right=1),
        "above": basis.offset(up=1),
        "below": basis.offset(up=-1),
    }
    return directions[direction]


def _seen_direction(pose: HeadPose, origin: Vec3, direction: str) -> Vec3:
    """Front and back go by the line from head to object, so they hold when the user looks elsewhere.

    An object straight above or below the head has no such line; there the gaze decides. Left and right are the
    user's own, as spoken.
    """
    if direction not in {"front", "back"}:
        return _user_direction(pose.ground, direction)
    bearing = GroundBasis.along(origin.minus(pose.position)) or pose.ground
    return bearing.offset(forward=-1 if direction == "front" else 1)


def _pose_unavailable() -> dict[str, Any]:
    return {"error": "pose unavailable"}


def _negative_distance() -> dict[str, Any]:
    return {"error": "distance must be non-negative; flip the direction instead"}
