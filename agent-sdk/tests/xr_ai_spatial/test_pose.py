"""Head poses: axes, angles, and the level frame under any tilt."""

import itertools
import math

import pytest

from xr_ai_spatial import HeadPose, Quaternion, Vec3, invalid_pose

HEAD = Vec3(0.3, 1.6, -0.2)
YAWS_DEG = range(0, 360, 15)
PITCHES_DEG = (-90, -89, -45, 0, 45, 89, 90)
ROLLS_DEG = (-60, 0, 60)


def about_z(angle_deg: float) -> Quaternion:
    half = math.radians(angle_deg) / 2
    return Quaternion(0.0, 0.0, math.sin(half), math.cos(half))


def product(a: Quaternion, b: Quaternion) -> Quaternion:
    return Quaternion(
        a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
        a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
        a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
        a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
    )


def tilted(yaw_deg: float, pitch_deg: float, roll_deg: float) -> HeadPose:
    return HeadPose(HEAD, product(Quaternion.from_yaw_pitch(yaw_deg, pitch_deg), about_z(roll_deg)))


def test_the_identity_looks_along_minus_z():
    assert HeadPose(HEAD).as_dict() == {
        "is_valid": True,
        "position": {"x": 0.3, "y": 1.6, "z": -0.2},
        "forward": {"x": 0.0, "y": 0.0, "z": -1.0},
        "right": {"x": 1.0, "y": 0.0, "z": 0.0},
        "up": {"x": 0.0, "y": 1.0, "z": 0.0},
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
    }


def test_turning_by_minus_90_degrees_about_y_faces_plus_x_and_is_a_yaw_of_plus_90():
    facing_x = HeadPose(HEAD, Quaternion(0.0, -math.sqrt(0.5), 0.0, math.sqrt(0.5)))
    assert facing_x.forward == pytest.approx((1, 0, 0))
    assert facing_x.yaw_deg == pytest.approx(90)


@pytest.mark.parametrize("pitch_deg", [-80, -30, 0, 30, 60, 80])
@pytest.mark.parametrize("yaw_deg", [-170, -90, 0, 45, 90, 135])
def test_yaw_and_pitch_do_not_mix(yaw_deg: float, pitch_deg: float):
    pose = HeadPose.looking(HEAD, yaw_deg=yaw_deg, pitch_deg=pitch_deg)
    assert pose.yaw_deg == pytest.approx(yaw_deg, abs=1e-6)
    assert pose.pitch_deg == pytest.approx(pitch_deg, abs=1e-6)


@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), list(itertools.product(YAWS_DEG, PITCHES_DEG)))
def test_the_ground_basis_is_level_and_right_handed_whatever_the_tilt(yaw_deg: float, pitch_deg: float):
    for roll_deg in ROLLS_DEG if abs(pitch_deg) < 90 else (0,):
        ground = tilted(yaw_deg, pitch_deg, roll_deg).ground
        heading = math.radians(yaw_deg)
        assert ground.forward == pytest.approx((math.sin(heading), 0, -math.cos(heading)), abs=1e-6)
        assert ground.right == pytest.approx((math.cos(heading), 0, math.sin(heading)), abs=1e-6)


def test_looking_straight_down_the_right_ear_tells_the_heading():
    down = HeadPose(HEAD, Quaternion.from_yaw_pitch(-30, -90))
    assert down.ground.forward == pytest.approx((-0.5, 0, -math.sqrt(0.75)), abs=1e-9)
    assert down.yaw_deg == pytest.approx(-30)


def test_an_orientation_is_normalised():
    assert HeadPose(HEAD, Quaternion(0, -3, 0, 3)).forward == pytest.approx((1, 0, 0))


@pytest.mark.parametrize("orientation", [(0, 0, 0, 0), (math.nan, 0, 0, 1), (math.inf, 0, 0, 1)])
def test_what_is_no_rotation_is_refused(orientation: tuple[float, ...]):
    with pytest.raises(ValueError, match="not a rotation"):
        HeadPose(HEAD, Quaternion(*orientation))


def test_a_position_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        HeadPose(Vec3(0, math.nan, 0))


def test_the_invalid_pose_is_a_standing_head_that_says_why():
    assert invalid_pose("session_not_ready: nobody is here") == {
        "is_valid": False,
        "position": {"x": 0.0, "y": 1.6, "z": 0.0},
        "forward": {"x": 0.0, "y": 0.0, "z": -1.0},
        "right": {"x": 1.0, "y": 0.0, "z": 0.0},
        "up": {"x": 0.0, "y": 1.0, "z": 0.0},
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "error": "session_not_ready: nobody is here",
    }
