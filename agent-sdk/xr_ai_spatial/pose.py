"""Where a head is and which way it looks, and the level frame that placements are made in."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from xr_ai_spatial.vectors import WORLD_UP, Quaternion, Vec3, rounded

__all__ = ("ASSUMED_EYE_HEIGHT_M", "GroundBasis", "HeadPose", "invalid_pose")

# Eye height of a standing adult; the floor is y = 0 (OpenXR STAGE).
ASSUMED_EYE_HEIGHT_M = 1.6
_LEVEL = Quaternion(0.0, 0.0, 0.0, 1.0)
_FORWARD, _RIGHT, _UP = Vec3(0.0, 0.0, -1.0), Vec3(1.0, 0.0, 0.0), WORLD_UP
# Below this horizontal length a direction is vertical for all purposes and has no heading of its own.
_MIN_HORIZONTAL = 1e-6
_ANGLE_DECIMALS = 1


class GroundBasis(NamedTuple):
    """The user's directions on level ground: yaw counts, pitch and roll never leak in. Up is always world +Y."""

    forward: Vec3
    right: Vec3

    @property
    def up(self) -> Vec3:
        """World +Y."""
        return WORLD_UP

    def offset(self, *, forward: float = 0.0, right: float = 0.0, up: float = 0.0) -> Vec3:
        """Return the displacement, in metres, of that much in each of the user's directions."""
        return self.forward.times(forward).plus(self.right.times(right)).plus(self.up.times(up))

    @classmethod
    def along(cls, forward: Vec3) -> "GroundBasis | None":
        """Return the basis that looks along ``forward``'s horizontal part, or None when there is none."""
        length = math.hypot(forward.x, forward.z)
        if length < _MIN_HORIZONTAL:
            return None
        x, z = forward.x / length, forward.z / length
        return cls(Vec3(x, 0.0, z), Vec3(-z, 0.0, x))


@dataclass(frozen=True, slots=True)
class HeadPose:
    """A head in STAGE space: ``position`` in metres (floor at y = 0) and ``orientation`` as a unit quaternion.

    Raises:
        ValueError: a number is not finite, or the orientation is not a rotation.
    """

    position: Vec3
    orientation: Quaternion = _LEVEL

    def __post_init__(self) -> None:
        if not self.position.is_finite():
            raise ValueError(f"position {list(self.position)} must be three finite numbers")
        object.__setattr__(self, "orientation", self.orientation.normalised())

    @classmethod
    def looking(cls, position: Vec3, *, yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> "HeadPose":
        """Return a level head that looks ``yaw_deg`` to the right of −Z and ``pitch_deg`` upwards."""
        return cls(position, Quaternion.from_yaw_pitch(yaw_deg, pitch_deg))

    @property
    def forward(self) -> Vec3:
        """Unit gaze direction, pitch included."""
        return self.orientation.rotate(_FORWARD)

    @property
    def right(self) -> Vec3:
        """Unit direction out of the right ear, roll included."""
        return self.orientation.rotate(_RIGHT)

    @property
    def up(self) -> Vec3:
        """Unit direction out of the crown."""
        return self.orientation.rotate(_UP)

    @property
    def yaw_deg(self) -> float:
        """Heading: 0 looks along −Z, +90 along +X (to the right). Independent of pitch up to the vertical."""
        forward = self.ground.forward
        return math.degrees(math.atan2(forward.x, -forward.z))

    @property
    def pitch_deg(self) -> float:
        """Elevation of the gaze, positive when looking up."""
        return math.degrees(math.asin(max(-1.0, min(1.0, self.forward.y))))

    @property
    def ground(self) -> GroundBasis:
        """The level frame of this head; looking straight up or down, its right ear tells the heading."""
        along_gaze = GroundBasis.along(self.forward)
        if along_gaze is not None:
            return along_gaze
        right = self.right
        # Right turned by 90° about Y is forward. Gaze and ear cannot both be vertical; −Z is for rounding's sake.
        return GroundBasis.along(Vec3(right.z, 0.0, -right.x)) or GroundBasis(_FORWARD, _RIGHT)

    def as_dict(self) -> dict[str, object]:
        """Return the contract's pose: ``position``, ``forward``, ``right``, ``up`` (3 decimals), two angles (1)."""
        return {
            "is_valid": True,
            "position": self.position.as_dict(),
            "forward": self.forward.as_dict(),
            "right": self.right.as_dict(),
            "up": self.up.as_dict(),
            "yaw_deg": rounded(self.yaw_deg, _ANGLE_DECIMALS),
            "pitch_deg": rounded(self.pitch_deg, _ANGLE_DECIMALS),
        }


def invalid_pose(error: str) -> dict[str, object]:
    """Return the contract's answer while no pose is known: a standing head that looks along −Z, and why."""
    standing = HeadPose(Vec3(0.0, ASSUMED_EYE_HEIGHT_M, 0.0))
    return {**standing.as_dict(), "is_valid": False, "error": error}
