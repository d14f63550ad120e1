"""The headless renderer: right pixels in the right place, through the running program."""

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlencode

import numpy as np
import pytest
from kit.processes import own_port
from PIL import Image

from xr_ai_program.mcp_testing import ToolClient, tool_client
from xr_ai_program.testing import running_program

WIDTH, HEIGHT = 400, 300


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    port = own_port()
    with running_program("render_mcp", {"port": port, "renderer": "headless"}):
        yield port


@pytest.fixture(scope="module")
def tools(port: int) -> Iterator[ToolClient]:
    with tool_client(port) as client:
        yield client


def picture(port: int, participant: str, **view: float) -> np.ndarray:
    query = urlencode({"participant_id": participant, "width": WIDTH, "height": HEIGHT, **view})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/scene.png?{query}", timeout=30) as reply:
        return np.asarray(Image.open(io.BytesIO(reply.read())).convert("RGB")).astype(int)


def reds(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 0] > 90) & (pixels[..., 1] < 40) & (pixels[..., 2] < 40)


def red(tools: ToolClient, participant: str, prim_type: str, **place: float) -> str:
    return tools.call("add_primitive", participant=participant, prim_type=prim_type, r=1, g=0, b=0, **place)["id"]


@pytest.mark.parametrize(("prim_type", "shape_fill"), [("box", 1.0), ("sphere", np.pi / 4)])
def test_size_is_half_an_edge_or_a_radius(port: int, tools: ToolClient, prim_type: str, shape_fill: float):
    who = f"viewer-of-a-{prim_type}"
    red(tools, who, prim_type, x=0, y=1.6, z=-10, size=0.5)
    seen = reds(picture(port, who, fov_y_deg=10))
    rows, columns = np.nonzero(seen)
    # The near face of a box is half an edge closer than its centre.
    nearest_m = 9.5 if prim_type == "box" else 10.0
    expected = HEIGHT / (2 * np.tan(np.radians(5))) * 1.0 / nearest_m
    assert np.ptp(rows) + 1 == pytest.approx(expected, abs=3)
    assert np.ptp(columns) + 1 == pytest.approx(expected, abs=3)
    assert (rows.mean(), columns.mean()) == (pytest.approx(HEIGHT / 2, abs=1), pytest.approx(WIDTH / 2, abs=1))
    assert seen.sum() == pytest.approx(expected**2 * shape_fill, rel=0.03)


def test_it_is_seen_where_it_is(port: int, tools: ToolClient):
    red(tools, "turner", "sphere", x=3, y=1.6, z=0, size=0.3)
    assert not reds(picture(port, "turner")).any()
    assert reds(picture(port, "turner", yaw_deg=90))[HEIGHT // 2, WIDTH // 2]
    columns = np.nonzero(reds(picture(port, "turner", yaw_deg=75)))[1]
    assert columns.min() > WIDTH / 2
    rows = np.nonzero(reds(picture(port, "turner", yaw_deg=90, pitch_deg=15)))[0]
    assert rows.min() > HEIGHT / 2


def test_the_nearer_object_hides_the_farther(port: int, tools: ToolClient):
    tools.call("add_primitive", participant="hider", prim_type="box", x=0, y=1.6, z=-2, r=0, g=0, b=1, size=0.5)
    red(tools, "hider", "sphere", x=0, y=1.6, z=-4, size=0.3)
    assert not reds(picture(port, "hider")).any()
    assert reds(picture(port, "hider", z=-8, yaw_deg=180)).any()


def test_what_lies_below_the_floor_is_hidden_by_it(port: int, tools: ToolClient):
    red(tools, "digger", "box", x=0, y=-1, z=-3, size=0.3)
    assert not reds(picture(port, "digger", pitch_deg=-40)).any()


def test_everybody_has_a_picture_of_their_own(port: int, tools: ToolClient):
    red(tools, "anna", "box", z=-2)
    assert reds(picture(port, "anna")).any()
    assert not reds(picture(port, "ben")).any()


@pytest.mark.parametrize("view", [{"width": 100_000}, {"fov_y_deg": "nan"}, {"zoom": 2}])
def test_a_view_that_makes_no_sense_is_told_so(port: int, view: dict):
    with pytest.raises(urllib.error.HTTPError) as caught:
        picture(port, "anna", **view)
    assert caught.value.code == 400
    assert next(iter(view)) in json.load(caught.value)["error"]


def test_headless_is_always_started(tools: ToolClient):
    assert tools.call("start_xr") == {"status": "already_started"}
    red(tools, "patient", "box")
    assert tools.call("get_health", participant="patient") == {
        "status": "ok",
        "lovr_started": True,
        "spawn_error": None,
        "render_drops": 0,
        "renderer": "headless",
        "participant_id": "patient",
        "objects": 1,
    }
