"""The `vlm_server` command."""

import sys

from pydantic import BaseModel, ConfigDict

from vlm_server._app import create_app
from xr_ai_program import Readiness, run_program
from xr_ai_program.http import serve_http


class VlmConfig(BaseModel):
    """Configuration of `vlm_server`."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8100
    """TCP port."""
    model_name: str = "vlm"
    """Name under which clients ask for it."""


async def serve(config: VlmConfig, readiness: Readiness) -> None:
    """Answer until cancelled."""
    await serve_http(create_app(config.model_name), config.host, config.port, readiness)


def main() -> int:
    """Run the server until it is signalled; returns the exit code."""
    return run_program(
        "vlm_server", VlmConfig, serve, description="Questions about pictures over OpenAI's chat path (OpenCV)."
    )


if __name__ == "__main__":
    sys.exit(main())
