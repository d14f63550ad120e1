"""The maths of placing things around a person: vectors, head poses, and the spatial tools of the tool contract.

Pure Python without dependencies, used by the tool servers and by whatever checks their results.
Coordinates are OpenXR STAGE: metres, right-handed, +X right, +Y up, −Z forward, the floor at y = 0::

    pose = HeadPose.looking(Vec3(0, 1.6, 0), yaw_deg=90)
    place_user_relative(pose, "front", 2.0)        # {"x": 2.0, "y": 1.6, "z": 0.0}
"""

from xr_ai_spatial.pose import ASSUMED_EYE_HEIGHT_M, GroundBasis, HeadPose, invalid_pose
from xr_ai_spatial.pose_tools import (
    POSE_TOOLS,
    ObjectDirection,
    UserDirection,
    displace_object,
    displace_objects,
    place_inside_by_id,
    place_object_relative,
    place_user_relative,
    position_ahead,
    position_relative,
)
from xr_ai_spatial.vector_tools import VECTOR_TOOLS, along_direction, between_anchors, scale_value, world_offset
from xr_ai_spatial.vectors import ORIGIN, WORLD_UP, Quaternion, Vec3, direction_of, rounded

__all__ = (
    "ASSUMED_EYE_HEIGHT_M",
    "ORIGIN",
    "POSE_TOOLS",
    "VECTOR_TOOLS",
    "WORLD_UP",
    "GroundBasis",
    "HeadPose",
    "ObjectDirection",
    "Quaternion",
    "UserDirection",
    "Vec3",
    "along_direction",
    "between_anchors",
    "direction_of",
    "displace_object",
    "displace_objects",
    "invalid_pose",
    "place_inside_by_id",
    "place_object_relative",
    "place_user_relative",
    "position_ahead",
    "position_relative",
    "rounded",
    "scale_value",
    "world_offset",
)
