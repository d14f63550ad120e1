"""`POST /v1/audio/transcriptions`: a recording in, the words and how sure they are out."""

import asyncio

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stt_server._audio import SAMPLE_RATE, AudioError, decode
from stt_server._recognizer import Recognizer, Transcript
from xr_ai_program.model_server import ApiError, model_app

_SAMPLE_WIDTH_BYTES = 2
_FORMATS = ("json", "text", "verbose_json")


def create_app(recognizer: Recognizer, model_name: str) -> Starlette:
    """The server's application around one recogniser."""

    async def transcriptions(request: Request) -> Response:
        async with request.form() as form:
            wanted = str(form.get("response_format") or "json")
            if wanted not in _FORMATS:
                raise ApiError(
                    400,
                    f"response_format is {wanted!r}; expected one of {', '.join(_FORMATS)}",
                    param="response_format",
                )
            pcm = await _uploaded_pcm(form)
            user = str(form.get("user") or "")
        transcript = await asyncio.to_thread(recognizer.transcribe, pcm, user)
        if wanted == "text":
            return PlainTextResponse(transcript.text)
        return JSONResponse(_to_json(transcript, len(pcm), verbose=wanted == "verbose_json"))

    return model_app(
        model_name,
        "pocketsphinx",
        [Route("/v1/audio/transcriptions", transcriptions, methods=["POST"])],
        health=lambda: {"sample_rate": SAMPLE_RATE},
    )


async def _uploaded_pcm(form: FormData) -> bytes:
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise ApiError(400, "the form has no `file`; send the recording as a multipart file part", param="file")
    try:
        return decode(await upload.read())
    except AudioError as error:
        raise ApiError(400, str(error), param="file") from error


def _to_json(transcript: Transcript, pcm_bytes: int, *, verbose: bool) -> dict[str, object]:
    answer: dict[str, object] = {
        "text": transcript.text,
        "confidence": transcript.confidence,
        "alternatives": list(transcript.alternatives),
    }
    if verbose:
        answer |= {
            "task": "transcribe",
            "language": "english",
            "duration": pcm_bytes / _SAMPLE_WIDTH_BYTES / SAMPLE_RATE,
        }
    return answer
