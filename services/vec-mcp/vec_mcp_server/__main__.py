"""The program: vector maths as MCP tools, port 8250."""

import sys

from pydantic import Field

from xr_ai_program import Readiness, run_program
from xr_ai_program.mcp import ToolServerConfig, serve_tools, tool_app
from xr_ai_spatial import VECTOR_TOOLS


class VecConfig(ToolServerConfig):
    """The configuration; see vec_mcp_server.yaml."""

    port: int = Field(8250, ge=1, le=65535)


async def serve(config: VecConfig, readiness: Readiness) -> None:
    """Serve until cancelled."""
    await serve_tools(tool_app("vec-mcp", VECTOR_TOOLS, config), config, readiness)


def main() -> int:
    """Run the program."""
    return run_program("vec_mcp_server", VecConfig, serve, description="Vector maths as MCP tools.")


if __name__ == "__main__":
    sys.exit(main())
