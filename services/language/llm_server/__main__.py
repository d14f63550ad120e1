"""The `llm_server` command."""

import asyncio
import sys

from llm_server._app import create_app
from llm_server._backend import Backend
from llm_server._config import LlmConfig
from xr_ai_program import Readiness, run_program
from xr_ai_program.http import serve_http


async def serve(config: LlmConfig, readiness: Readiness) -> None:
    """Load the backend and answer until cancelled."""
    readiness.status(f"loading the {config.backend} backend")
    backend = await asyncio.to_thread(_load, config)
    await serve_http(
        create_app(backend, config.model_name), config.host, config.port, readiness, ready_text=backend.name
    )


def _load(_config: LlmConfig) -> Backend:
    # The grammar is slow to load and not needed for --help or --check.
    from llm_server.embedded import EmbeddedBackend

    return EmbeddedBackend()


def main() -> int:
    """Run the server until it is signalled; returns the exit code."""
    return run_program(
        "llm_server", LlmConfig, serve, description="Language model over OpenAI's chat path, embedded or hosted."
    )


if __name__ == "__main__":
    sys.exit(main())
