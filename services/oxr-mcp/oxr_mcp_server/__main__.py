"""The program: head pose and placements as MCP tools, port 8230."""

import sys
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from oxr_mcp_server._poses import FixedPoses, HubPoses
from oxr_mcp_server._tools import head_tools
from xr_ai_agent import ProcessorEndpoint, Subscribe
from xr_ai_program import Readiness, run_program
from xr_ai_program.mcp import Participants, ToolServerConfig, serve_tools, tool_app
from xr_ai_spatial import ASSUMED_EYE_HEIGHT_M, HeadPose, Vec3


class FixedPoseConfig(BaseModel):
    """Where a head stands that does not move."""

    model_config = ConfigDict(allow_inf_nan=False)

    position: tuple[float, float, float] = (0.0, ASSUMED_EYE_HEIGHT_M, 0.0)
    yaw_deg: float = 0.0
    """0 looks along −Z, 90 along +X."""
    pitch_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0
    """Positive looks up."""


class OxrConfig(ToolServerConfig):
    """The configuration; see oxr_mcp_server.yaml."""

    port: int = Field(8230, ge=1, le=65535)
    source: Literal["hub", "fixed"] = Field("hub", description="hub: participants send their pose; fixed: one place.")
    fixed_pose: FixedPoseConfig = Field(default_factory=FixedPoseConfig)
    default_participant: str | None = Field(
        None, description="Whose head a call without a participant means; default: the last who joined."
    )


async def serve(config: OxrConfig, readiness: Readiness) -> None:
    """Serve until cancelled."""
    participants = Participants(config.default_participant)
    if config.source == "fixed":
        fixed = config.fixed_pose
        pose = HeadPose.looking(Vec3(*fixed.position), yaw_deg=fixed.yaw_deg, pitch_deg=fixed.pitch_deg)
        app = tool_app(
            "oxr-mcp", head_tools(FixedPoses(pose), participants), config, health=lambda: {"source": "fixed"}
        )
        await serve_tools(app, config, readiness)
    else:
        await _serve_hub(config, readiness, participants)


async def _serve_hub(config: OxrConfig, readiness: Readiness, participants: Participants) -> None:
    hub = ProcessorEndpoint(filter=Subscribe.DATA)
    try:
        poses = HubPoses(hub, participants)
        app = tool_app(
            "oxr-mcp",
            head_tools(poses, participants),
            config,
            health=lambda: {"source": poses.name, "participants": len(participants.connected)},
        )
        await serve_tools(app, config, readiness, beside=[hub.run(), poses.run()])
    finally:
        hub.close()


def main() -> int:
    """Run the program."""
    return run_program("oxr_mcp_server", OxrConfig, serve, description="Head pose and placements as MCP tools.")


if __name__ == "__main__":
    sys.exit(main())
