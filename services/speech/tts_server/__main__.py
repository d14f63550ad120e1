"""The `tts_server` command."""

import sys

from pydantic import BaseModel, ConfigDict

from tts_server._app import create_app
from tts_server._espeak import Espeak, EspeakError
from xr_ai_program import Readiness, StartupError, run_program
from xr_ai_program.http import serve_http


class TtsConfig(BaseModel):
    """Configuration of `tts_server`."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8105
    """TCP port."""
    model_name: str = "espeak-ng"
    """Name under which `/v1/models` lists the synthesizer."""
    voice: str = "en-us"
    """espeak-ng voice, e.g. `en-us`, `en` (British), `en-us+f3`, `de`."""


async def serve(config: TtsConfig, readiness: Readiness) -> None:
    """Load espeak-ng and answer until cancelled."""
    try:
        espeak = Espeak(config.voice)
    except (EspeakError, OSError) as error:
        raise StartupError(f"espeak-ng does not start: {error}") from error
    await serve_http(create_app(espeak, config.model_name), config.host, config.port, readiness)


def main() -> int:
    """Run the server until it is signalled; returns the exit code."""
    return run_program(
        "tts_server", TtsConfig, serve, description="Text to speech over OpenAI's audio path (espeak-ng)."
    )


if __name__ == "__main__":
    sys.exit(main())
