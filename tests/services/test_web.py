"""The program with its web renderer: a real process at a real hub, real MCP calls, pages played by the test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
from kit.processes import own_port
from mcp import Client

from xr_ai_program.mcp_testing import call_tool
from xr_ai_program.testing import eventually, running_program

CONTRACT_TOOLS = {
    "start_xr",
    "add_primitive",
    "update_primitive",
    "remove_primitive",
    "get_scene_state",
    "get_health",
}


@pytest.fixture(scope="module")
async def client(room: Any) -> AsyncIterator[Client]:
    port = own_port()
    with running_program("render_mcp", {"port": port}, env=room.addresses):
        await room.programs(1)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            yield client


class Page:
    """Draws what it is told, as the real page does."""

    def __init__(self, room: Any, participant: str) -> None:
        self._room = room
        self._participant = participant

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [msgpack.unpackb(data) for data in self._room.data(self._participant, "scene")]

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        shown: dict[str, dict[str, Any]] = {}
        for message in self.messages:
            match message["op"], message["value"]:
                case "scene.sync", value:
                    shown = {item["id"]: item for item in value["objects"]}
                case "scene.add", value:
                    shown[value["id"]] = value
                case "scene.update", value:
                    shown[value["id"]] |= value
                case "scene.remove", value:
                    del shown[value["id"]]
        return shown


async def add(client: Client, who: str | None, prim_type: str = "box", **values: float) -> str:
    result = await call_tool(client, "add_primitive", {"prim_type": prim_type, **values}, who)
    assert result["ok"] is True
    return str(result["id"])


async def test_the_tools_and_their_schemas_are_the_contracts(client: Client):
    tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    assert set(tools) == CONTRACT_TOOLS
    add_schema = tools["add_primitive"]
    assert add_schema["required"] == ["prim_type"]
    defaults = {name: field.get("default") for name, field in add_schema["properties"].items()}
    assert defaults == {
        "prim_type": None,
        "x": 0,
        "y": 1.6,
        "z": -1.5,
        "r": 0.2,
        "g": 0.9,
        "b": 1.0,
        "size": 0.1,
    }
    assert tools["update_primitive"]["required"] == ["obj_id"]
    assert set(tools["update_primitive"]["properties"]) == {"obj_id", *defaults}
    assert all(schema["additionalProperties"] is False for schema in tools.values())
    for wrong in ({"colour": "red"}, {"x": "abc"}, {"x": "nan"}, {"size": "inf"}):
        assert (await client.call_tool("add_primitive", {"prim_type": "box", **wrong})).is_error


async def test_a_connected_page_gets_each_change(client: Client, room: Any):
    page = Page(room, "ada")
    await room.join("ada")
    await eventually(lambda: page.messages == [{"op": "scene.sync", "value": {"objects": []}}])
    ball = await add(client, "ada", "ball", x=0, y=1.5, z=-2, r=1, g=0, b=0, size=0.25)
    assert await call_tool(client, "update_primitive", {"obj_id": ball, "y": 2.5}, "ada") == {"ok": True}
    await eventually(lambda: len(page.messages) == 3)
    assert room.data("ada", "scene")[1:] == [
        msgpack.packb(
            {
                "op": "scene.add",
                "value": {
                    "id": "sphere-0",
                    "type": "sphere",
                    "position": [0.0, 1.5, -2.0],
                    "color": [1.0, 0.0, 0.0],
                    "size": 0.25,
                },
            },
            use_bin_type=True,
        ),
        msgpack.packb({"op": "scene.update", "value": {"id": "sphere-0", "position": [0.0, 2.5, -2.0]}}),
    ]
    assert await call_tool(client, "remove_primitive", {"obj_id": ball}, "ada") == {"ok": True}
    await eventually(lambda: page.messages[-1] == {"op": "scene.remove", "value": {"id": "sphere-0"}})


async def test_a_change_before_the_page_comes_is_ok_and_is_not_lost(client: Client, room: Any):
    made = await add(client, "late", x=1)
    assert (await call_tool(client, "start_xr", participant="late")) == {"status": "starting"}
    assert (await call_tool(client, "get_health", participant="late"))["lovr_started"] is False
    await room.join("late")
    await eventually(lambda: made in Page(room, "late").objects)
    assert (await call_tool(client, "start_xr", participant="late")) == {"status": "already_started"}
    health = await call_tool(client, "get_health", participant="late")
    assert health == {
        "status": "ok",
        "lovr_started": True,
        "spawn_error": None,
        "render_drops": 0,
        "page_connected": True,
        "renderer": "web",
        "participant_id": "late",
        "objects": 1,
    }


async def test_hello_brings_the_whole_scene_again(client: Client, room: Any):
    await room.join("eve")
    made = {await add(client, "eve", x=number) for number in range(3)}
    await eventually(lambda: set(Page(room, "eve").objects) == made)
    room.received["eve"].clear()  # a page that was reloaded knows nothing
    await room.send("eve", "scene.hello")
    await eventually(lambda: [message["op"] for message in Page(room, "eve").messages] == ["scene.sync"])
    assert set(Page(room, "eve").objects) == made


async def test_coming_back_finds_the_scene_again(client: Client, room: Any):
    await room.join("zoe")
    first = await add(client, "zoe")
    await room.leave("zoe")
    second = await add(client, "zoe")
    room.received["zoe"].clear()
    await room.join("zoe")
    await eventually(lambda: set(Page(room, "zoe").objects) == {first, second})


async def test_changes_during_the_first_delivery_are_not_lost(client: Client, room: Any):
    for number in range(30):
        await add(client, "hasty", x=number)
    await room.join("hasty")
    await asyncio.gather(*(add(client, "hasty", "sphere", x=number) for number in range(30)))
    await eventually(lambda: len(Page(room, "hasty").objects) == 60)
    state = await call_tool(client, "get_scene_state", participant="hasty")
    assert {item["id"] for item in state["objects"]} == set(Page(room, "hasty").objects)


async def test_two_peoples_scenes_never_mix(client: Client, room: Any):
    await room.join("anna", "ben")
    calls = [add(client, who, x=number) for number in range(20) for who in ("anna", "ben")]
    await asyncio.gather(*calls)
    await call_tool(client, "remove_primitive", {"obj_id": "box-0"}, "ben")
    await eventually(lambda: len(Page(room, "anna").objects) == 20 and len(Page(room, "ben").objects) == 19)
    states = [await call_tool(client, "get_scene_state", participant=who) for who in ("anna", "ben")]
    assert [len(state["objects"]) for state in states] == [20, 19]
    assert sorted(item["position"]["x"] for item in states[0]["objects"]) == list(range(20))


async def test_a_call_that_names_nobody_means_the_last_who_joined(client: Client, room: Any):
    await room.join("first", "second")
    await eventually(lambda: Page(room, "second").messages)
    made = await add(client, None)
    await eventually(lambda: made in Page(room, "second").objects)
    await room.leave("second")

    async def means_first() -> bool:
        return (await call_tool(client, "get_health"))["participant_id"] == "first"

    await eventually(means_first)
    await room.leave("first")


async def test_refusals_say_why_and_change_nothing(client: Client):
    shape = await call_tool(client, "add_primitive", {"prim_type": "cone"}, "critic")
    assert (shape["ok"], shape["reason"]) == (False, "unsupported_prim_type")
    assert "box, sphere" in shape["error"]
    color = await call_tool(client, "add_primitive", {"prim_type": "box", "r": 255}, "critic")
    assert (color["ok"], color["reason"]) == (False, "invalid_color")
    for tool in ("update_primitive", "remove_primitive"):
        missing = await call_tool(client, tool, {"obj_id": "box-9"}, "critic")
        assert (missing["ok"], missing["reason"]) == (False, "not_found")
    assert await call_tool(client, "get_scene_state", participant="critic") == {"objects": []}


async def test_the_state_is_the_contracts_and_a_new_type_keeps_the_id(client: Client, room: Any):
    await room.join("typer")
    made = await add(client, "typer", "cube", x=1, y=2, z=3, r=0.1, g=0.2, b=0.3, size=0.4)
    changed = await call_tool(client, "update_primitive", {"obj_id": made, "prim_type": "sphere"}, "typer")
    assert changed == {"ok": True, "new_id": made}
    assert await call_tool(client, "get_scene_state", participant="typer") == {
        "objects": [
            {
                "id": "box-0",
                "type": "sphere",
                "position": {"x": 1.0, "y": 2.0, "z": 3.0},
                "color": {"r": 0.1, "g": 0.2, "b": 0.3},
                "size": 0.4,
            }
        ]
    }
    await eventually(lambda: Page(room, "typer").objects.get(made, {}).get("type") == "sphere")
