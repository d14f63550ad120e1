"""The program: scene tools over MCP, port 8220, and whatever draws the scenes."""

import sys
from typing import Literal

from pydantic import Field

from render_mcp._scene import SceneStore
from render_mcp._tools import SceneTools
from xr_ai_program import Readiness, run_program
from xr_ai_program.mcp import Participants, ToolServerConfig, serve_tools, tool_app


class RenderConfig(ToolServerConfig):
    """The configuration; see render_mcp.yaml."""

    port: int = Field(8220, ge=1, le=65535)
    renderer: Literal["web", "headless"] = Field(
        "web", description="web: the participant's page draws; headless: GET /scene.png draws."
    )
    scene: Literal["per_participant", "shared"] = Field(
        "per_participant", description="shared: everybody builds in one scene."
    )
    default_participant: str | None = Field(
        None, description="Whose scene a call without a participant means; default: the last who joined."
    )
    lovr_bin: str | None = Field(
        None, description="LÖVR binary; read by a stack's setup step, which exports it as LOVR_BIN."
    )


async def serve(config: RenderConfig, readiness: Readiness) -> None:
    """Serve until cancelled."""
    scenes = SceneStore(is_shared=config.scene == "shared")
    participants = Participants(config.default_participant)
    if config.renderer == "headless":
        await _serve_headless(config, readiness, scenes, participants)
    else:
        await _serve_web(config, readiness, scenes, participants)


async def _serve_headless(
    config: RenderConfig, readiness: Readiness, scenes: SceneStore, participants: Participants
) -> None:
    # Only here: a stack whose pages draw need not load numpy and Pillow.
    from render_mcp._headless import HeadlessRenderer

    renderer = HeadlessRenderer(scenes)
    tools = SceneTools(scenes, renderer, participants)
    app = tool_app(
        "render-mcp", tools.all(), config, health=lambda: {"renderer": renderer.name}, routes=renderer.routes()
    )
    await serve_tools(app, config, readiness)


async def _serve_web(
    config: RenderConfig, readiness: Readiness, scenes: SceneStore, participants: Participants
) -> None:
    from render_mcp._web import WebRenderer
    from xr_ai_agent import ProcessorEndpoint, Subscribe

    hub = ProcessorEndpoint(filter=Subscribe.DATA)
    try:
        renderer = WebRenderer(hub, scenes, participants)
        tools = SceneTools(scenes, renderer, participants)
        app = tool_app(
            "render-mcp",
            tools.all(),
            config,
            health=lambda: {"renderer": renderer.name, "participants": len(participants.connected)},
        )
        await serve_tools(app, config, readiness, beside=[hub.run(), renderer.run()])
    finally:
        hub.close()


def main() -> int:
    """Run the program."""
    return run_program("render_mcp", RenderConfig, serve, description="Edit 3D scenes through MCP tools.")


if __name__ == "__main__":
    sys.exit(main())
