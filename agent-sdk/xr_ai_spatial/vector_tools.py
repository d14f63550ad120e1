"""The pose-independent tools: plain vector maths with the arguments and results of the tool contract."""

from typing import Any

from xr_ai_spatial.vectors import Vec3, direction_of, rounded

__all__ = ("VECTOR_TOOLS", "along_direction", "between_anchors", "scale_value", "world_offset")


def between_anchors(a_x: float, a_y: float, a_z: float, b_x: float, b_y: float, b_z: float) -> dict[str, Any]:
    """Return the midpoint of two points as {x, y, z}: for "between", "halfway", "in the middle of"."""
    return Vec3(a_x, a_y, a_z).plus(Vec3(b_x, b_y, b_z)).times(0.5).as_dict()


def world_offset(
    origin_x: float, origin_y: float, origin_z: float, dx: float = 0, dy: float = 0, dz: float = 0
) -> dict[str, Any]:
    """Return origin + (dx, dy, dz) in metres on the world's axes as {x, y, z}.

    +x and +z are not the user's right or back; for the user's directions use displace_object. dy > 0 is up.
    """
    return Vec3(origin_x, origin_y, origin_z).plus(Vec3(dx, dy, dz)).as_dict()


def along_direction(
    origin_x: float,
    origin_y: float,
    origin_z: float,
    target_x: float,
    target_y: float,
    target_z: float,
    distance: float = 0.5,
) -> dict[str, Any]:
    """Return origin moved `distance` metres straight toward target as {x, y, z}; a negative distance moves away.

    For "closer to" and "further from". It does not stop at the target.
    """
    origin = Vec3(origin_x, origin_y, origin_z)
    direction = direction_of(Vec3(target_x, target_y, target_z).minus(origin))
    if direction is None:
        return {"error": "origin and target coincide"}
    return origin.plus(direction.times(distance)).as_dict()


def scale_value(current: float, factor: float) -> dict[str, Any]:
    """Return {value: current × factor}, for sizes: factor 2 is twice as large, 0.5 half as large."""
    return {"value": rounded(current * factor)}


VECTOR_TOOLS = (between_anchors, world_offset, along_direction, scale_value)
