"""Test kit: the real MCP client, over HTTP, as plain function calls.

::

    with running_program("vec_mcp_server", {"port": port}), tool_client(port) as tools:
        assert tools.call("scale_value", current=0.4, factor=3) == {"value": 1.2}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.types import CallToolResult, Tool

__all__ = ("ToolClient", "call_tool", "tool_client")


class ToolClient:
    """One open session with a tool server."""

    def __init__(self, client: Client, portal: BlockingPortal) -> None:
        self._client = client
        self._portal = portal

    def tools(self) -> dict[str, Tool]:
        """Return every tool by its name."""
        return {tool.name: tool for tool in self._portal.call(self._client.list_tools).tools}

    def call(self, name: str, /, *, participant: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Return a tool's structured result; ``participant`` goes into ``_meta``.

        Raises:
            AssertionError: the call was refused (a tool error).
        """
        return self._portal.call(call_tool, self._client, name, arguments, participant)

    def refusal(self, name: str, /, *, participant: Any = None, **arguments: Any) -> str:
        """Return the text of the tool error that a call gets."""
        result = self._portal.call(_raw_call, self._client, name, arguments, participant)
        assert result.is_error, f"{name} answered {result.structured_content} instead of refusing"
        return "".join(getattr(block, "text", "") for block in result.content)


@contextmanager
def tool_client(port: int) -> Iterator[ToolClient]:
    """Connect to the tool server on a loopback port until the block ends."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(f"http://127.0.0.1:{port}/mcp")) as client,
    ):
        yield ToolClient(client, portal)


async def call_tool(
    client: Client, name: str, arguments: dict[str, Any] | None = None, participant: str | None = None
) -> dict[str, Any]:
    """Return a tool's structured result from asynchronous code; raises as `ToolClient.call`."""
    result = await _raw_call(client, name, arguments or {}, participant)
    assert not result.is_error, f"{name} refused: {result.content}"
    assert result.structured_content is not None
    return dict(result.structured_content)


async def _raw_call(client: Client, name: str, arguments: dict[str, Any], participant: Any) -> CallToolResult:
    meta: Any = None if participant is None else {"participant_id": participant}
    return await client.call_tool(name, arguments, meta=meta)
