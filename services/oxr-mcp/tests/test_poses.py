"""Reading `view.pose`: what a participant sends is checked before anybody is placed by it."""

import json
from typing import Any

import pytest

from oxr_mcp_server._poses import parse_pose

IDENTITY = [0, 0, 0, 1]


def test_a_pose_is_read_and_normalised():
    pose = parse_pose(b'{"position": [1, 1.6, -2], "orientation": [0, -2, 0, 2], "fov_y_deg": 70}')
    assert pose.position == (1.0, 1.6, -2.0)
    assert pose.yaw_deg == pytest.approx(90)


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"position": [0, 1.6, 0]},
        {"position": [0, 1.6], "orientation": IDENTITY},
        {"position": [0, "1.6", 0], "orientation": IDENTITY},
        {"position": [0, None, 0], "orientation": IDENTITY},
        {"position": {"x": 0, "y": 1, "z": 2}, "orientation": IDENTITY},
        {"position": [0, float("nan"), 0], "orientation": IDENTITY},
        {"position": [0, 10**400, 0], "orientation": IDENTITY},
        {"position": [0, 1.6, 0], "orientation": [0, 0, 0, 0]},
        {"position": [0, 1.6, 0], "orientation": [0, 0, 0, float("inf")]},
    ],
)
def test_what_is_no_pose_is_refused(message: Any):
    with pytest.raises(ValueError):
        parse_pose(json.dumps(message).encode())


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{", b"[" * 100_000])
def test_what_is_no_json_is_refused(data: bytes):
    with pytest.raises(ValueError):
        parse_pose(data)
