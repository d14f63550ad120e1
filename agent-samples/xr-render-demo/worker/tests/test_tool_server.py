"""Connections to tool servers: late starts, restarts, silence, and whom a call is for."""

import asyncio
from typing import Any

import pytest
from kit.processes import own_port

from xr_ai_program.testing import eventually
from xr_render_demo_worker._errors import ToolServerError
from xr_render_demo_worker.tool_server import ToolServer

pytestmark = pytest.mark.anyio


async def _call(server: ToolServer, tool: str = "get_scene_state", timeout_s: float = 30.0, **arguments: Any) -> Any:
    return (await server.call(tool, arguments, participant_id="alice", timeout_s=timeout_s)).value


@pytest.fixture
async def running(anyio_backend: str) -> Any:
    started: list[asyncio.Task[None]] = []

    def run(server: ToolServer) -> ToolServer:
        started.append(asyncio.create_task(server.run()))
        return server

    yield run
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


async def test_a_server_that_starts_late_and_restarts_is_used_again(
    running: Any, scene_tools: Any, serve_tools: Any
) -> None:
    port = own_port()
    server = running(ToolServer("render-mcp", f"http://127.0.0.1:{port}/mcp"))
    await eventually(lambda: "not tried" not in server.last_error, "a refused connection")
    assert not server.is_connected
    async with serve_tools(scene_tools, port):
        assert await _call(server) == {"objects": []}
    with pytest.raises(ToolServerError, match="render-mcp"):
        await _call(server, timeout_s=1.0)
    async with serve_tools(scene_tools, port):
        assert await _call(server) == {"objects": []}


async def test_a_server_that_dies_during_a_call_does_not_leave_the_caller_waiting(
    running: Any, scene_tools: Any, serve_tools: Any
) -> None:
    port = own_port()
    server = running(ToolServer("render-mcp", f"http://127.0.0.1:{port}/mcp"))
    scene_tools.blocked["get_scene_state"] = asyncio.Event()
    async with serve_tools(scene_tools, port):
        calling = asyncio.ensure_future(_call(server, timeout_s=300.0))
        await eventually(lambda: scene_tools.calls, "the call at the server")
    async with asyncio.timeout(60):
        with pytest.raises(ToolServerError):
            await calling


async def test_a_silent_tool_is_given_up_and_the_connection_survives(
    running: Any, scene_tools: Any, serve_tools: Any
) -> None:
    port = own_port()
    server = running(ToolServer("render-mcp", f"http://127.0.0.1:{port}/mcp"))
    scene_tools.blocked["get_head_pose"] = asyncio.Event()
    async with serve_tools(scene_tools, port):
        await server.wait_connected()
        with pytest.raises(ToolServerError, match=r"render-mcp did not answer within 0.2 s \(tool get_head_pose\)"):
            await _call(server, "get_head_pose", timeout_s=0.2)
        assert await _call(server) == {"objects": []}


async def test_calls_name_the_participant_and_tool_errors_come_as_results(
    running: Any, scene_tools: Any, serve_tools: Any
) -> None:
    port = own_port()
    server = running(ToolServer("render-mcp", f"http://127.0.0.1:{port}/mcp"))
    async with serve_tools(scene_tools, port):
        assert (await _call(server, "add_primitive", prim_type="box"))["ok"] is True
        assert list(scene_tools.scenes) == ["alice"]
        result = await server.call("add_primitive", {"prim_type": 3}, participant_id="alice", timeout_s=30.0)
        assert result.failed
        assert result.is_refusal
        assert "prim_type" in result.value["error"]
