"""The pose-independent tools against the contract's own examples."""

import pytest

from xr_ai_spatial import along_direction, between_anchors, scale_value, world_offset


def test_the_midpoint():
    assert between_anchors(0, 0, 0, 2, 4, -6) == {"x": 1.0, "y": 2.0, "z": -3.0}


def test_an_offset_on_the_worlds_axes():
    assert world_offset(0, 1.5, -1.5, dy=0.3) == {"x": 0.0, "y": 1.8, "z": -1.5}
    assert world_offset(1, 2, 3) == {"x": 1.0, "y": 2.0, "z": 3.0}


def test_a_step_toward_and_away_from_a_target():
    assert along_direction(0, 0, 0, 3, 4, 0, 1) == {"x": 0.6, "y": 0.8, "z": 0.0}
    assert along_direction(0, 0, 0, 3, 4, 0, -1) == {"x": -0.6, "y": -0.8, "z": 0.0}
    assert along_direction(0, 0, 0, 0, 0, -2) == {"x": 0.0, "y": 0.0, "z": -0.5}


def test_a_step_does_not_stop_at_the_target():
    assert along_direction(0, 0, 0, 1, 0, 0, 5) == {"x": 5.0, "y": 0.0, "z": 0.0}


@pytest.mark.parametrize("gap_m", [0.0, 1e-10])
def test_points_that_coincide_have_no_direction(gap_m: float):
    assert along_direction(1, 1, 1, 1 + gap_m, 1, 1) == {"error": "origin and target coincide"}


def test_scaling():
    assert scale_value(0.4, 3) == {"value": 1.2}
    assert scale_value(0, -1) == {"value": 0.0}
