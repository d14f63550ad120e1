"""oxr-mcp as its clients meet it: real processes, the real MCP client, participants played at a real hub."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from kit.processes import own_port
from mcp import Client

from xr_ai_program.mcp_testing import ToolClient, call_tool, tool_client
from xr_ai_program.testing import eventually, running_program
from xr_ai_spatial import HeadPose, Quaternion, Vec3, place_user_relative

CONTRACT_TOOLS = {
    "get_head_pose",
    "position_ahead",
    "position_relative",
    "place_user_relative",
    "place_object_relative",
    "place_inside_by_id",
    "displace_object",
    "displace_objects",
    "get_health",
}
UNAVAILABLE = {"error": "pose unavailable"}


@pytest.fixture(scope="module")
async def client(room: Any) -> AsyncIterator[Client]:
    port = own_port()
    with running_program("oxr_mcp_server", {"port": port}, env=room.addresses):
        await room.programs(1)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            yield client


@pytest.fixture(scope="module")
def fixed() -> Iterator[ToolClient]:
    port = own_port()
    config = {"port": port, "source": "fixed", "fixed_pose": {"position": [1.0, 1.7, -2.0], "yaw_deg": 90.0}}
    with running_program("oxr_mcp_server", config), tool_client(port) as client:
        yield client


def pose_message(yaw_deg: float = 0.0, position: tuple[float, float, float] = (0.0, 1.6, 0.0)) -> bytes:
    orientation = list(Quaternion.from_yaw_pitch(yaw_deg))
    return json.dumps({"position": position, "orientation": orientation, "fov_y_deg": 70}).encode()


Look = Callable[[str, float], Awaitable[None]]


@pytest.fixture
def look(room: Any, client: Client) -> Look:
    """Join (if needed), answer the server's request for the pose, and wait until the pose is known."""

    async def look(who: str, yaw_deg: float) -> None:
        if who not in room.hub.connected_participants:
            await room.join(who)
        await eventually(lambda: room.data(who, "view.request"))
        await room.send(who, "view.pose", pose_message(yaw_deg))

        async def is_known() -> bool:
            return bool((await call_tool(client, "get_head_pose", participant=who))["yaw_deg"] == yaw_deg)

        await eventually(is_known)

    return look


async def test_the_tools_and_their_schemas_are_the_contracts(client: Client):
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == CONTRACT_TOOLS
    schemas = {name: tool.input_schema for name, tool in tools.items()}
    assert schemas["place_user_relative"]["properties"]["direction"]["enum"] == [
        "front",
        "back",
        "left",
        "right",
        "above",
        "below",
    ]
    assert schemas["place_object_relative"]["properties"]["direction"]["enum"][-1] == "next_to"
    required = {name: schema.get("required", []) for name, schema in schemas.items()}
    assert required == {
        "get_head_pose": [],
        "get_health": [],
        "position_ahead": [],
        "position_relative": [],
        "place_user_relative": ["direction"],
        "place_object_relative": ["origin_x", "origin_y", "origin_z", "direction"],
        "place_inside_by_id": ["movee_id", "container_x", "container_y", "container_z"],
        "displace_object": ["current_x", "current_y", "current_z"],
        "displace_objects": ["object_ids", "current_xs", "current_ys", "current_zs"],
    }
    distances = {
        name: schemas[name]["properties"]["distance"]["default"]
        for name in CONTRACT_TOOLS
        if "distance" in schemas[name]["properties"]
    }
    assert distances == {"position_ahead": 1.5, "place_user_relative": 1.5, "place_object_relative": 0.3}
    assert all(schema["additionalProperties"] is False for schema in schemas.values())
    assert all("pose" not in schema["properties"] and "ctx" not in schema["properties"] for schema in schemas.values())
    assert all(tool.description for tool in tools.values())


async def test_arguments_outside_the_schema_are_tool_errors(client: Client):
    for arguments in (
        {"direction": "inside"},
        {"direction": "front", "far": 2},
        {"direction": "front", "distance": "x"},
    ):
        assert (await client.call_tool("place_user_relative", arguments)).is_error


async def test_a_participants_own_pose_decides(client: Client, look: Look):
    await asyncio.gather(look("anna", 0.0), look("ben", 90.0))
    ahead = {"direction": "front", "distance": 2}
    calls = [call_tool(client, "place_user_relative", ahead, who) for who in ("anna", "ben") * 10]
    results = await asyncio.gather(*calls)
    assert results[::2] == [{"x": 0.0, "y": 1.6, "z": -2.0}] * 10
    assert results[1::2] == [{"x": 2.0, "y": 1.6, "z": 0.0}] * 10


async def test_the_head_pose_is_told_with_its_age(client: Client, look: Look):
    before_ms = time.time_ns() // 1_000_000
    await look("watcher", 45.0)
    pose = await call_tool(client, "get_head_pose", participant="watcher")
    assert before_ms <= pose.pop("ts") <= time.time_ns() // 1_000_000
    assert 0 <= pose.pop("age_ms") < 10_000
    assert pose == HeadPose.looking(Vec3(0, 1.6, 0), yaw_deg=45).as_dict()
    first = (await call_tool(client, "get_head_pose", participant="watcher"))["ts"]
    await look("watcher", -45.0)
    assert (await call_tool(client, "get_head_pose", participant="watcher"))["ts"] >= first


async def test_a_turn_of_the_view_turns_the_placements(client: Client, look: Look):
    for yaw_deg in (0.0, 90.0, -150.0):
        await look("turner", yaw_deg)
        expected = place_user_relative(HeadPose.looking(Vec3(0, 1.6, 0), yaw_deg=yaw_deg), "front", 2)
        placed = await call_tool(client, "place_user_relative", {"direction": "front", "distance": 2}, "turner")
        assert placed == expected
        assert math.hypot(placed["x"], placed["z"]) == pytest.approx(2, abs=2e-3)


async def test_a_missing_pose_is_asked_for_until_it_is_there(client: Client, room: Any, look: Look):
    await room.join("shy")
    await eventually(lambda: len(room.data("shy", "view.request")) >= 2)
    await look("shy", 10.0)
    await room.join("other")
    await eventually(lambda: room.data("other", "view.request"))  # what was asked of shy before has come before
    asked = len(room.data("shy", "view.request"))
    known = len(room.data("other", "view.request"))
    await eventually(lambda: len(room.data("other", "view.request")) >= known + 2)
    assert len(room.data("shy", "view.request")) == asked


async def test_without_a_pose_the_contracts_answers(client: Client, room: Any):
    pose = await call_tool(client, "get_head_pose", participant="nobody")
    assert (pose["is_valid"], pose["position"], pose["yaw_deg"]) == (False, {"x": 0.0, "y": 1.6, "z": 0.0}, 0.0)
    assert pose["error"].startswith("session_not_ready: ")
    assert "not connected" in pose["error"]
    ahead = {"direction": "front", "distance": 2}
    assert await call_tool(client, "place_user_relative", ahead, "nobody") == UNAVAILABLE
    assert await call_tool(client, "position_ahead", {}, "nobody") == UNAVAILABLE
    box = {"origin_x": 0, "origin_y": 1, "origin_z": -2, "direction": "above"}
    assert await call_tool(client, "place_object_relative", box, "nobody") == {"x": 0.0, "y": 1.3, "z": -2.0}
    health = await call_tool(client, "get_health", participant="nobody")
    assert (health["status"], health["session_open"], health["open_attempts"]) == ("ok", False, 1)
    assert health["last_open_error"] == pose["error"]


async def test_bad_poses_are_ignored_and_a_leaving_head_is_forgotten(client: Client, room: Any, look: Look):
    await look("fickle", 30.0)
    await room.send("fickle", "view.pose", b'{"position": [0, 1, 2]}')
    await room.send("fickle", "view.pose", b"\xff")
    await room.send("fickle", "view.pose", pose_message(60.0, (0.0, 1.2, 0.0)))

    async def is_60() -> bool:
        return (await call_tool(client, "get_head_pose", participant="fickle"))["yaw_deg"] == 60.0

    await eventually(is_60)
    await room.leave("fickle")

    async def is_gone() -> bool:
        return not (await call_tool(client, "get_head_pose", participant="fickle"))["is_valid"]

    await eventually(is_gone)


async def test_a_fixed_head_stands_where_the_configuration_says(fixed: ToolClient):
    pose = fixed.call("get_head_pose", participant="anyone")
    assert (pose["is_valid"], pose["yaw_deg"], pose["position"]) == (True, 90.0, {"x": 1.0, "y": 1.7, "z": -2.0})
    assert fixed.call("place_user_relative", direction="right", distance=1) == {"x": 1.0, "y": 1.7, "z": -1.0}
    assert fixed.call("position_relative", forward=1, origin_y=0) == {"x": 2.0, "y": 0.0, "z": -2.0}
    assert fixed.call(
        "displace_objects", object_ids=["a"], current_xs=[0], current_ys=[0], current_zs=[0], forward=1
    ) == {"items": [{"obj_id": "a", "x": 1.0, "y": 0.0, "z": 0.0}]}
    inside = fixed.call("place_inside_by_id", movee_id="box-0", container_x=1, container_y=2, container_z=3)
    assert inside == {"obj_id": "box-0", "x": 1.0, "y": 2.0, "z": 3.0}
    health = fixed.call("get_health")
    assert (health["session_open"], health["last_open_error"], health["source"]) == (True, None, "fixed")
