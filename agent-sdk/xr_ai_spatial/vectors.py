"""Vectors and quaternions as small tuples; metres, OpenXR axes: +X right, +Y up, −Z forward, right-handed."""

import math
from typing import NamedTuple

__all__ = ("ORIGIN", "WORLD_UP", "Quaternion", "Vec3", "direction_of", "rounded")

# Results are millimetres: finer digits only cost a language model attention.
_DECIMALS = 3
_MIN_LENGTH_M = 1e-9
_MIN_QUATERNION_NORM = 1e-6


class Vec3(NamedTuple):
    """A point or a direction."""

    x: float
    y: float
    z: float

    def plus(self, other: "Vec3") -> "Vec3":
        """Return the component-wise sum."""
        return Vec3(self.x + other.x, self.y + other.y, self.z + other.z)

    def minus(self, other: "Vec3") -> "Vec3":
        """Return the vector from ``other`` to this point."""
        return Vec3(self.x - other.x, self.y - other.y, self.z - other.z)

    def times(self, factor: float) -> "Vec3":
        """Return the vector scaled by ``factor``."""
        return Vec3(self.x * factor, self.y * factor, self.z * factor)

    def length(self) -> float:
        """Return the Euclidean length."""
        return math.hypot(self.x, self.y, self.z)

    def is_finite(self) -> bool:
        """Whether no component is NaN or infinite."""
        return all(map(math.isfinite, self))

    def as_dict(self) -> dict[str, float]:
        """Return ``{"x", "y", "z"}`` rounded to millimetres, never −0.0."""
        return {"x": rounded(self.x), "y": rounded(self.y), "z": rounded(self.z)}


class Quaternion(NamedTuple):
    """A rotation as x, y, z, w (OpenXR's order); operations expect it normalised."""

    x: float
    y: float
    z: float
    w: float

    def normalised(self) -> "Quaternion":
        """Return the unit quaternion of the same rotation.

        Raises:
            ValueError: a component is not finite, or all are near zero: no rotation at all.
        """
        norm = math.sqrt(sum(part * part for part in self))
        if not math.isfinite(norm) or norm < _MIN_QUATERNION_NORM:
            raise ValueError(f"orientation {list(self)} is not a rotation: expected four finite numbers, not all zero")
        return Quaternion(*(part / norm for part in self))

    def rotate(self, vector: Vec3) -> Vec3:
        """Return ``vector`` turned by this rotation."""
        # v + 2w(q×v) + 2(q×(q×v)), the usual form without a matrix.
        axis = Vec3(self.x, self.y, self.z)
        once = _cross(axis, vector)
        return vector.plus(once.times(2 * self.w)).plus(_cross(axis, once).times(2))

    @classmethod
    def from_yaw_pitch(cls, yaw_deg: float, pitch_deg: float = 0.0) -> "Quaternion":
        """Return a level head's rotation: ``yaw_deg`` positive to the right, then ``pitch_deg`` positive upwards."""
        half_yaw, half_pitch = math.radians(-yaw_deg) / 2, math.radians(pitch_deg) / 2
        cos_yaw, sin_yaw, cos_pitch, sin_pitch = (
            math.cos(half_yaw),
            math.sin(half_yaw),
            math.cos(half_pitch),
            math.sin(half_pitch),
        )
        return cls(cos_yaw * sin_pitch, sin_yaw * cos_pitch, -sin_yaw * sin_pitch, cos_yaw * cos_pitch)


ORIGIN = Vec3(0.0, 0.0, 0.0)
WORLD_UP = Vec3(0.0, 1.0, 0.0)


def rounded(value: float, decimals: int = _DECIMALS) -> float:
    """Return ``value`` rounded, with −0.0 made 0.0."""
    return round(value, decimals) + 0.0


def direction_of(vector: Vec3) -> Vec3 | None:
    """Return the unit vector along ``vector``, or None when it is too short to have a direction (1 nm)."""
    length = vector.length()
    return vector.times(1 / length) if length >= _MIN_LENGTH_M else None


def _cross(a: Vec3, b: Vec3) -> Vec3:
    return Vec3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
