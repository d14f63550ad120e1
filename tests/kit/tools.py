"""Calling a running tool server as the worker does, for one participant."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mcp import Client

from xr_ai_program import mcp_testing

__all__ = ("call_tool", "scene_of")

RENDER_MCP = "http://127.0.0.1:8220/mcp"


def call_tool(url: str, name: str, participant_id: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool on behalf of a participant and return its structured result."""

    async def call() -> dict[str, Any]:
        async with Client(url) as client:
            return await mcp_testing.call_tool(client, name, arguments, participant_id)

    # In a thread of its own: Playwright's synchronous interface keeps an event loop running in the test's.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, call()).result()


def scene_of(participant_id: str) -> list[dict[str, Any]]:
    """The objects of a participant's scene, as the render server has them."""
    objects: list[dict[str, Any]] = call_tool(RENDER_MCP, "get_scene_state", participant_id)["objects"]
    return objects
