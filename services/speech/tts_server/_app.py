"""`POST /v1/audio/speech`: text in, WAV or raw PCM out."""

import asyncio
import io
import wave
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tts_server._espeak import Espeak, EspeakError
from xr_ai_program.model_server import ApiError, model_app, read_json

# A reply is a sentence or two; a text far beyond that is a mistake and would block every other speaker.
_MAX_CHARACTERS = 4096
_SAMPLE_WIDTH_BYTES = 2


class SpeechRequest(BaseModel):
    """The body of OpenAI's `audio/speech`; fields that espeak-ng has no use for are accepted and ignored."""

    model_config = ConfigDict(extra="ignore")

    input: Annotated[str, Field(max_length=_MAX_CHARACTERS)]
    response_format: Literal["wav", "pcm"] = "wav"
    voice: str | None = None
    speed: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0


def create_app(espeak: Espeak, model_name: str) -> Starlette:
    """The server's application around one synthesizer."""

    async def speech(request: Request) -> Response:
        body = await read_json(request, SpeechRequest)
        try:
            # In a thread: other requests (health above all) are answered while espeak-ng speaks.
            pcm = await asyncio.to_thread(_speak, espeak, body)
        except EspeakError as error:
            raise ApiError(400, str(error), param="voice") from error
        if body.response_format == "pcm":
            return Response(pcm, media_type=f"audio/L16; rate={espeak.sample_rate}; channels=1")
        return Response(_to_wav(pcm, espeak.sample_rate), media_type="audio/wav")

    return model_app(
        model_name,
        "espeak-ng",
        [Route("/v1/audio/speech", speech, methods=["POST"])],
        health=lambda: {"sample_rate": espeak.sample_rate},
    )


def _speak(espeak: Espeak, body: SpeechRequest) -> bytes:
    # Blank text is a valid, silent answer: a client need not know which replies can be spoken.
    if not body.input.strip():
        return b""
    return espeak.synthesize(body.input, voice=_known_voice(body.voice), speed=body.speed)


def _known_voice(voice: str | None) -> str | None:
    # OpenAI clients always send one of OpenAI's voice names, which espeak-ng does not have: they mean "the default".
    return voice if voice and ("-" in voice or len(voice) == 2) else None


def _to_wav(pcm: bytes, sample_rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(_SAMPLE_WIDTH_BYTES)
        wav.setframerate(sample_rate)
        wav.writeframes(pcm)
    return buffer.getvalue()
