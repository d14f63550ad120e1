"""Placements in the user's directions: values, signs, rounding and errors of the tool contract."""

import itertools
import math

import pytest

from xr_ai_spatial import (
    HeadPose,
    Quaternion,
    Vec3,
    displace_object,
    displace_objects,
    place_inside_by_id,
    place_object_relative,
    place_user_relative,
    position_ahead,
    position_relative,
)

EYE = Vec3(0, 1.6, 0)
NORTH = HeadPose(EYE)
EAST = HeadPose.looking(EYE, yaw_deg=90)
UNAVAILABLE = {"error": "pose unavailable"}
NEGATIVE = {"error": "distance must be non-negative; flip the direction instead"}


def point(x: float, y: float, z: float) -> dict[str, float]:
    return {"x": x, "y": y, "z": z}


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("front", point(2.0, 1.6, 0.0)),
        ("back", point(-2.0, 1.6, 0.0)),
        ("right", point(0.0, 1.6, 2.0)),
        ("left", point(0.0, 1.6, -2.0)),
        ("above", point(0.0, 3.6, 0.0)),
        ("below", point(0.0, -0.4, 0.0)),
    ],
)
def test_the_users_directions_when_facing_plus_x(direction: str, expected: dict[str, float]):
    assert place_user_relative(EAST, direction, 2.0) == expected


@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), list(itertools.product(range(0, 360, 15), (-89, -30, 0, 30, 89))))
def test_in_front_stays_level_and_at_its_distance(yaw_deg: float, pitch_deg: float):
    pose = HeadPose.looking(EYE, yaw_deg=yaw_deg, pitch_deg=pitch_deg)
    front, right = place_user_relative(pose, "front", 2.0), place_user_relative(pose, "right", 2.0)
    assert front["y"] == 1.6
    assert math.hypot(front["x"], front["z"]) == pytest.approx(2.0, abs=2e-3)
    assert front["x"] * right["x"] + front["z"] * right["z"] == pytest.approx(0, abs=5e-3)


def test_straight_down_in_front_is_where_the_body_faces():
    down = HeadPose.looking(EYE, yaw_deg=-30, pitch_deg=-90)
    assert place_user_relative(down, "front", 1) == point(-0.5, 1.6, -0.866)


def test_results_never_print_minus_zero():
    for yaw_deg in (0, 90, 180, 270):
        for direction in ("front", "back", "left", "right"):
            result = place_user_relative(HeadPose.looking(EYE, yaw_deg=yaw_deg), direction, 1)
            assert "-0.0" not in map(str, result.values())


def test_ahead_follows_the_gaze_up_and_behind():
    up = HeadPose.looking(EYE, pitch_deg=30)
    assert position_ahead(up, 2.0) == point(0.0, 2.6, -1.732)
    assert position_ahead(NORTH, -1.0) == point(0.0, 1.6, 1.0)
    assert position_ahead(NORTH) == point(0.0, 1.6, -1.5)


def test_relative_to_the_head_or_to_a_point():
    assert position_relative(EAST, forward=1, right=0.5, up=-0.6) == point(1.0, 1.0, 0.5)
    assert position_relative(EAST, right=1, origin_x=5, origin_y=0, origin_z=5) == point(5.0, 0.0, 6.0)


def test_each_origin_coordinate_defaults_by_itself():
    pose = HeadPose(Vec3(1, 1.6, 2))
    assert position_relative(pose, origin_y=0.5) == point(1.0, 0.5, 2.0)


def test_a_negative_distance_is_an_error_before_the_pose_is():
    assert place_user_relative(None, "front", -1) == NEGATIVE
    assert place_object_relative(None, 0, 0, 0, "above", -1) == NEGATIVE


def test_without_a_pose_only_what_needs_none_answers():
    assert position_ahead(None) == UNAVAILABLE
    assert position_relative(None, forward=1) == UNAVAILABLE
    assert place_user_relative(None, "above", 1) == UNAVAILABLE
    assert place_object_relative(None, 1, 1, 1, "front") == UNAVAILABLE
    assert displace_object(None, 0, 0, 0, right=1) == UNAVAILABLE
    assert displace_objects(None, ["a"], [0], [0], [0], up=1) == UNAVAILABLE
    assert place_object_relative(None, 1, 1, 1, "above", 0.5) == point(1.0, 1.5, 1.0)
    assert place_object_relative(None, 1, 1, 1, "below", 0.5) == point(1.0, 0.5, 1.0)
    assert place_inside_by_id(None, "box-0", 1, 2, 3.00049) == {"obj_id": "box-0", **point(1.0, 2.0, 3.0)}


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("front", point(0.0, 1.0, -1.7)),
        ("back", point(0.0, 1.0, -2.3)),
        ("left", point(-0.3, 1.0, -2.0)),
        ("right", point(0.3, 1.0, -2.0)),
        ("next_to", point(0.3, 1.0, -2.0)),
        ("above", point(0.0, 1.3, -2.0)),
        ("below", point(0.0, 0.7, -2.0)),
    ],
)
def test_an_objects_sides_when_the_user_looks_at_it(direction: str, expected: dict[str, float]):
    assert place_object_relative(NORTH, 0, 1, -2, direction) == expected


@pytest.mark.parametrize("yaw_deg", [0, 60, 120, 180, 270])
def test_front_of_an_object_is_toward_the_user_wherever_the_user_looks(yaw_deg: float):
    pose = HeadPose.looking(EYE, yaw_deg=yaw_deg)
    assert place_object_relative(pose, 3, 1, -4, "front", 1) == point(2.4, 1.0, -3.2)
    assert place_object_relative(pose, 3, 1, -4, "back", 1) == point(3.6, 1.0, -4.8)


def test_front_of_an_object_overhead_goes_by_the_gaze():
    assert place_object_relative(EAST, 0, 3, 0, "front", 1) == point(-1.0, 3.0, 0.0)


def test_moving_one_object_in_the_users_directions():
    assert displace_object(EAST, 1, 1, 1, right=0.5, up=0.25, forward=-1) == point(0.0, 1.25, 1.5)


def test_moving_several_objects_keeps_their_order():
    moved = displace_objects(NORTH, ["b", "a"], [0, 1], [1, 2], [0, -1], right=-0.5, up=1)
    assert moved == {
        "items": [{"obj_id": "b", **point(-0.5, 2.0, 0.0)}, {"obj_id": "a", **point(0.5, 3.0, -1.0)}],
    }


def test_columns_of_different_length_are_an_error_and_none_are_fine_without_a_pose():
    expected = {"error": "object_ids / current_xs / current_ys / current_zs must all be the same length"}
    assert displace_objects(NORTH, ["a", "b"], [0], [0, 0], [0, 0]) == expected
    assert displace_objects(None, [], [], [], []) == {"items": []}


def test_placements_and_the_reported_axes_agree_for_a_level_head():
    pose = HeadPose(EYE, Quaternion.from_yaw_pitch(37))
    right = pose.as_dict()["right"]
    assert isinstance(right, dict)
    assert place_user_relative(pose, "right", 1) == point(right["x"], 1.6, right["z"])
