"""An MCP server with one tool, over streamable HTTP, on the port given."""

import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("toy")


@server.tool()
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
