"""One scene for everybody: what one person builds, all pages show."""

from typing import Any

import msgpack
from kit.processes import own_port
from mcp import Client

from xr_ai_program.mcp_testing import call_tool
from xr_ai_program.testing import eventually, running_program


async def test_a_shared_scene_is_everybodys(room: Any):
    port = own_port()
    with running_program("render_mcp", {"port": port, "scene": "shared"}, env=room.addresses):
        await room.join("left-hand", "right-hand")
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            box = await call_tool(client, "add_primitive", {"prim_type": "box"}, "left-hand")
            ball = await call_tool(client, "add_primitive", {"prim_type": "sphere"}, "right-hand")
            state = await call_tool(client, "get_scene_state", participant="somebody-else")
        assert [item["id"] for item in state["objects"]] == [box["id"], ball["id"]]
        for who in ("left-hand", "right-hand"):
            await eventually(lambda who=who: shown(room, who) == {box["id"], ball["id"]})


def shown(room: Any, participant: str) -> set[str]:
    ids: set[str] = set()
    for message in map(msgpack.unpackb, room.data(participant, "scene")):
        if message["op"] == "scene.sync":
            ids = {item["id"] for item in message["value"]["objects"]}
        else:
            ids.add(message["value"]["id"])
    return ids
