"""Speech clients against a real HTTP server."""

import io
import wave

import pytest
from starlette.responses import JSONResponse, Response

from xr_ai_models import BadAnswerError, OpenAICompatSTT, OpenAICompatTTS, Transcription
from xr_ai_models.testing import ScriptedServer

pytestmark = pytest.mark.anyio
PCM = b"\1\0" * 160


async def test_pcm_is_wrapped_as_wav_and_files_pass_as_they_are(server: ScriptedServer) -> None:
    server.answer(JSONResponse({"text": " hello "}))
    async with OpenAICompatSTT(server.url) as stt:
        assert await stt.transcribe(PCM, sample_rate=16000) == "hello"
        await stt.transcribe(b"RIFF-as-is")
    name, mime, data = server.requests[0].form["file"]
    assert (server.requests[0].path, name, mime) == ("/v1/audio/transcriptions", "audio.wav", "audio/wav")
    with wave.open(io.BytesIO(data)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.readframes(999)) == (16000, 1, PCM)
    assert server.requests[0].form["response_format"] == "json"
    assert set(server.requests[0].form) == {"file", "response_format"}
    assert server.requests[1].form["file"][2] == b"RIFF-as-is"


async def test_the_verbose_answer_carries_confidence_and_alternatives(server: ScriptedServer) -> None:
    server.answer(JSONResponse({"text": "make it blue", "confidence": 0.4, "alternatives": ["make it glue", 3]}))
    async with OpenAICompatSTT(server.url, model_name="whisper", language="en") as stt:
        heard = await stt.transcribe_verbose(PCM, sample_rate=16000, user="alice")
    assert heard == Transcription("make it blue", 0.4, ("make it glue",))
    form = {key: value for key, value in server.requests[0].form.items() if key != "file"}
    assert form == {"response_format": "verbose_json", "model": "whisper", "language": "en", "user": "alice"}


async def test_servers_that_say_less_are_fine_and_no_text_is_not(server: ScriptedServer) -> None:
    server.answer(JSONResponse({"text": "hi"}), JSONResponse({"error": "boom"}))
    async with OpenAICompatSTT(server.url) as stt:
        assert await stt.transcribe_verbose(PCM, sample_rate=16000) == Transcription("hi", None, ())
        with pytest.raises(BadAnswerError, match="boom"):
            await stt.transcribe(PCM, sample_rate=16000)


async def test_speech_is_the_answers_body(server: ScriptedServer) -> None:
    server.answer(Response(b"RIFFwav"), Response(b"RIFFwav"), Response(b""))
    async with OpenAICompatTTS(server.url) as tts:
        assert await tts.synthesize("hello") == b"RIFFwav"
    async with OpenAICompatTTS(server.url, model_name="tts-1", voice="alloy", speed=1.5) as hosted:
        await hosted.synthesize("hello", response_format="pcm")
        with pytest.raises(BadAnswerError, match="no audio"):
            await hosted.synthesize("hello")
    assert server.requests[0].json == {"input": "hello", "response_format": "wav"}
    assert server.requests[1].json == {
        "input": "hello",
        "response_format": "pcm",
        "model": "tts-1",
        "voice": "alloy",
        "speed": 1.5,
    }
