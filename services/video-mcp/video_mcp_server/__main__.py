"""The program: camera pictures as MCP tools, port 8210."""

import sys

from pydantic import Field

from video_mcp_server._live import LiveFrames
from video_mcp_server._pictures import PictureFolder
from video_mcp_server._tools import VideoTools
from xr_ai_agent import ProcessorEndpoint, Subscribe
from xr_ai_config import ConfigPath
from xr_ai_program import Readiness, StartupError, run_program
from xr_ai_program.mcp import ToolServerConfig, frames_dir, serve_tools, tool_app


class VideoConfig(ToolServerConfig):
    """The configuration; see video_mcp_server.yaml."""

    port: int = Field(8210, ge=1, le=65535)
    out_dir: ConfigPath | None = Field(
        None, description="Folder for pictures; default: `frames` of the run's directory, else one under /tmp."
    )
    max_files: int = Field(200, ge=1, description="Pictures kept; older ones are deleted.")


async def serve(config: VideoConfig, readiness: Readiness) -> None:
    """Serve until cancelled."""
    folder = config.out_dir or frames_dir()
    try:
        pictures = PictureFolder(folder, config.max_files)
    except OSError as error:
        raise StartupError(
            f"cannot write pictures to {folder}: {error}. Set `out_dir` to a folder of yours."
        ) from error
    hub = ProcessorEndpoint(filter=Subscribe.VIDEO)
    try:
        live = LiveFrames(hub)
        app = tool_app(
            "video-mcp",
            VideoTools(live, pictures).all(),
            config,
            health=lambda: {"live": len(live.participants()), "frames_missed": hub.frames_missed},
        )
        await serve_tools(app, config, readiness, beside=[hub.run()])
    finally:
        hub.close()


def main() -> int:
    """Run the program."""
    return run_program("video_mcp_server", VideoConfig, serve, description="Camera pictures as MCP tools.")


if __name__ == "__main__":
    sys.exit(main())
