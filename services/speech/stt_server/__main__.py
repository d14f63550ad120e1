"""The `stt_server` command."""

import asyncio
import sys

from pydantic import BaseModel, ConfigDict, Field

from stt_server._app import create_app
from stt_server._recognizer import Recognizer
from xr_ai_program import Readiness, run_program
from xr_ai_program.http import serve_http


class SttConfig(BaseModel):
    """Configuration of `stt_server`."""

    model_config = ConfigDict(extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8103
    """TCP port."""
    model_name: str = "pocketsphinx-commands"
    """Name under which `/v1/models` lists the recogniser."""
    corpus_sentences: int = Field(default=10_000, ge=100, le=200_000)
    """Sentences of the command language from which the language model is made at start."""


async def serve(config: SttConfig, readiness: Readiness) -> None:
    """Build the recogniser and answer until cancelled."""
    readiness.status("building the language model")
    recognizer = await asyncio.to_thread(_build, config.corpus_sentences)
    await serve_http(create_app(recognizer, config.model_name), config.host, config.port, readiness)


def _build(corpus_sentences: int) -> Recognizer:
    # The grammar is slow to load and not needed for --help or --check.
    from scene_language import PRONUNCIATIONS, parse, sample_sentences

    sentences = sample_sentences(corpus_sentences, seed=0)
    return Recognizer(sentences, PRONUNCIATIONS, lambda text: parse(text) is not None)


def main() -> int:
    """Run the server until it is signalled; returns the exit code."""
    return run_program(
        "stt_server", SttConfig, serve, description="Speech to text over OpenAI's audio path (pocketsphinx)."
    )


if __name__ == "__main__":
    sys.exit(main())
