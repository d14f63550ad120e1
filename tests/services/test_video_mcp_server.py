"""video-mcp as its clients meet it: a real process, frames filmed by the test through a real hub."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kit.processes import own_port
from mcp import Client
from PIL import Image

from xr_ai_agent import PixelFormat
from xr_ai_program.mcp_testing import call_tool
from xr_ai_program.testing import eventually, running_program

WIDTH, HEIGHT = 320, 240
COLORS = {"red": (81, 90, 240), "blue": (41, 240, 110)}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
async def client(room: Any, run_dir: Path) -> AsyncIterator[Client]:
    port = own_port()
    with running_program("video_mcp_server", {"port": port}, env={**room.addresses, "XR_RUN_DIR": str(run_dir)}):
        await room.programs(1)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            yield client


async def film(room: Any, who: str, color: str, track: str = "cam", pts_us: int | None = None) -> int:
    y, cb, cr = COLORS[color]
    chroma = WIDTH * HEIGHT // 4
    pixels = bytes([y]) * (WIDTH * HEIGHT) + bytes([cb]) * chroma + bytes([cr]) * chroma
    stamp = pts_us or time.time_ns() // 1000
    await room.transport.push_frame(who, track, PixelFormat.I420, WIDTH, HEIGHT, stamp, pixels)
    return stamp


async def start_camera(room: Any, client: Client, who: str, color: str) -> None:
    await room.join(who)

    async def is_live() -> bool:
        await film(room, who, color)
        return who in (await call_tool(client, "list_live_participants"))["result"]

    await eventually(is_live)


async def shown_of(client: Client, who: str, stamp: int) -> dict[str, Any]:
    """Return the picture with this stamp once it is the latest: frames and questions take ways of their own."""

    async def is_latest() -> dict[str, Any] | None:
        latest = await call_tool(client, "get_latest_frame", {"participant_id": who})
        return latest if latest["timestamp_us"] == stamp else None

    found: dict[str, Any] = await eventually(is_latest)
    return found


def color_of(path: str) -> str:
    red, _, blue = Image.open(path).convert("RGB").getpixel((WIDTH // 2, HEIGHT // 2))
    return "red" if red > blue else "blue"


async def test_the_live_tools_and_their_schemas_are_the_contracts(client: Client):
    schemas = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    assert set(schemas) == {"list_live_participants", "get_frame_from_time", "get_latest_frame"}
    assert schemas["get_frame_from_time"]["required"] == schemas["get_latest_frame"]["required"] == ["participant_id"]
    properties = schemas["get_frame_from_time"]["properties"]
    assert {name: field.get("default") for name, field in properties.items()} == {
        "participant_id": None,
        "second_ago": 0,
        "reference_time_us": 0,
    }


async def test_the_latest_frame_is_what_the_camera_shows(client: Client, room: Any, run_dir: Path):
    await start_camera(room, client, "alice", "red")
    stamp = await film(room, "alice", "red")
    latest = await shown_of(client, "alice", stamp)
    assert (latest["width"], latest["height"]) == (WIDTH, HEIGHT)
    assert Path(latest["path"]).parent == run_dir / "frames"
    assert Path(latest["path"]).name == f"alice_latest_{stamp}.png"
    assert color_of(latest["path"]) == "red"
    await shown_of(client, "alice", await film(room, "alice", "blue"))
    now = await call_tool(client, "get_frame_from_time", {"participant_id": "alice"})
    assert (color_of(now["path"]), now["second_ago"]) == ("blue", 0)
    assert 0 <= now["actual_second_ago"] < 10
    assert set(now) == {"path", "width", "height", "timestamp_us", "second_ago", "actual_second_ago"}


async def test_the_past_is_refused_while_nothing_is_recorded(client: Client):
    disabled = {"error": "recording disabled — only second_ago=0 (live) is available"}
    for when in ({"second_ago": 3}, {"reference_time_us": 1}):
        assert await call_tool(client, "get_frame_from_time", {"participant_id": "alice", **when}) == disabled
    negative = await call_tool(client, "get_frame_from_time", {"participant_id": "alice", "second_ago": -1})
    assert "negative" in negative["error"]


async def test_somebody_without_a_camera_has_no_frame(client: Client, room: Any):
    missing = {"error": "No live frame available for 'nobody'"}
    assert await call_tool(client, "get_latest_frame", {"participant_id": "nobody"}) == missing
    await start_camera(room, client, "passer-by", "red")
    await room.leave("passer-by")

    async def is_gone() -> bool:
        return "error" in await call_tool(client, "get_latest_frame", {"participant_id": "passer-by"})

    await eventually(is_gone)
    assert "passer-by" not in (await call_tool(client, "list_live_participants"))["result"]


async def test_a_caller_sees_the_camera_it_speaks_for_and_no_other(client: Client, room: Any):
    await start_camera(room, client, "anna", "red")
    await start_camera(room, client, "ben", "blue")
    both = [call_tool(client, "get_latest_frame", {"participant_id": who}, who) for who in ("anna", "ben") * 5]
    pictures = await asyncio.gather(*both)
    assert [color_of(picture["path"]) for picture in pictures] == ["red", "blue"] * 5
    assert "error" in await call_tool(client, "get_latest_frame", {"participant_id": "ben"}, "anna")
    assert "error" in await call_tool(client, "get_frame_from_time", {"participant_id": "ben"}, "anna")
    assert (await call_tool(client, "list_live_participants", participant="anna"))["result"] == ["anna"]


async def test_the_newest_of_several_tracks_is_shown(client: Client, room: Any):
    await start_camera(room, client, "sharer", "red")
    await film(room, "sharer", "blue", track="screen")

    async def shows_blue() -> bool:
        latest = await call_tool(client, "get_latest_frame", {"participant_id": "sharer"})
        return color_of(latest["path"]) == "blue"

    await eventually(shows_blue)


async def test_a_large_frame_does_not_hold_up_other_calls(client: Client, room: Any):
    width, height = 3840, 2160
    noise = bytes(range(256)) * (width * height * 3 // 2 // 256)
    await room.join("wide")

    async def is_live() -> bool:
        await room.transport.push_frame("wide", "cam", PixelFormat.I420, width, height, time.time_ns() // 1000, noise)
        return "wide" in (await call_tool(client, "list_live_participants"))["result"]

    await eventually(is_live)
    large = asyncio.ensure_future(call_tool(client, "get_latest_frame", {"participant_id": "wide"}))
    answered = 0
    while not large.done():
        await call_tool(client, "list_live_participants")
        answered += 1
    assert (await large)["width"] == width
    assert answered > 3
