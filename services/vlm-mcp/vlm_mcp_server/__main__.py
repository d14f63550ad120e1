"""The program: `ask_image` as an MCP tool, port 8240."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from vlm_mcp_server._images import ImageError, load_jpeg
from vlm_mcp_server._model import DEFAULT_TIMEOUT_S, ENTRY, declared_model, without_thoughts
from xr_ai_config import ConfigPath
from xr_ai_models import ModelConfigError, ModelError, ModelsConfig, OpenAICompatVLM, make_vlm
from xr_ai_program import Readiness, StartupError, run_program
from xr_ai_program.mcp import ToolServerConfig, frames_dir, serve_tools, tool_app

logger = logging.getLogger(__name__)


class VlmToolConfig(ToolServerConfig):
    """The configuration; see vlm_mcp_server.yaml."""

    port: int = Field(8240, ge=1, le=65535)
    models: dict[str, Any] | None = Field(None, description="As in models.yaml; the entry `vlm` is used.")
    vlm_server: str | None = Field(
        None, validate_default=True, description="Short for a local vision server at this address."
    )
    vlm_request_timeout_s: float = Field(DEFAULT_TIMEOUT_S, gt=0)
    enable_thinking: bool = False
    image_dirs: list[ConfigPath] = Field(
        default_factory=list, description="Folders pictures may be read from; default: where video-mcp puts them."
    )

    @field_validator("models")
    @classmethod
    def _is_declaration(cls, models: dict[str, Any] | None) -> dict[str, Any] | None:
        if models is not None:
            declared_model(models, None)
        return models

    @field_validator("vlm_server")
    @classmethod
    def _declares_a_model(cls, vlm_server: str | None, info: ValidationInfo) -> str | None:
        # `models` is absent here when it was refused; its own problem is enough.
        if vlm_server is not None or info.data.get("models", {}) is None:
            declared_model(None, vlm_server)
        return vlm_server

    def declared_model(self) -> ModelsConfig:
        """Return the declaration of the model that answers."""
        return declared_model(
            self.models, self.vlm_server, timeout_s=self.vlm_request_timeout_s, enable_thinking=self.enable_thinking
        )


async def serve(config: VlmToolConfig, readiness: Readiness) -> None:
    """Serve until cancelled."""
    try:
        client = make_vlm(config.declared_model(), ENTRY)
    except ModelConfigError as error:
        raise StartupError(str(error)) from error
    async with client as vlm:
        tool = image_tool(vlm, config.image_dirs or [frames_dir()])
        await serve_tools(tool_app("vlm-mcp", [tool], config), config, readiness)


def image_tool(vlm: OpenAICompatVLM, folders: list[Path]) -> Callable[[str, str], Awaitable[str]]:
    """Return the tool; what goes wrong is said in its answer, as the contract has it."""

    async def ask_image(question: str, image_path: str) -> str:
        """Ask a vision model about a picture; image_path is the path that a video tool returned."""
        try:
            jpeg = await asyncio.to_thread(load_jpeg, image_path, folders)
        except ImageError as error:
            return f"ask_image: {error}"
        try:
            return without_thoughts(await vlm.ask_image(jpeg, question))
        except ModelError as error:
            logger.warning("%s", error)
            return f"ask_image: vlm-server request failed: {error}"

    return ask_image


def main() -> int:
    """Run the program."""
    return run_program("vlm_mcp_server", VlmToolConfig, serve, description="Questions about pictures as an MCP tool.")


if __name__ == "__main__":
    sys.exit(main())
