"""Speech models behind OpenAI's ``/v1/audio/...`` paths."""

from typing import Any, Self

from xr_ai_models._errors import BadAnswerError
from xr_ai_models._http import HttpClient, HttpService
from xr_ai_models._media import wav_of
from xr_ai_models._types import Transcription

DEFAULT_AUDIO_TIMEOUT_S = 30.0


class _AudioClient:
    """What the two speech clients share."""

    def __init__(
        self,
        base_url: str,
        *,
        name: str,
        api_key_env: str | None = None,
        timeout: float = DEFAULT_AUDIO_TIMEOUT_S,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        self._http = HttpService(
            name, base_url, timeout_s=timeout, api_key_env=api_key_env, health_check=health_check, client=client
        )

    async def health(self) -> bool:
        """Whether the server says that it is usable now."""
        return await self._http.health()

    async def close(self) -> None:
        """Release the connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class OpenAICompatSTT(_AudioClient):
    """Speech to text. ``model_name`` and ``language`` are sent only when given (hosted servers need them)."""

    def __init__(
        self,
        base_url: str,
        *,
        model_name: str | None = None,
        language: str | None = None,
        name: str = "stt",
        api_key_env: str | None = None,
        timeout: float = DEFAULT_AUDIO_TIMEOUT_S,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        super().__init__(
            base_url, name=name, api_key_env=api_key_env, timeout=timeout, health_check=health_check, client=client
        )
        self._fields = _given({"model": model_name, "language": language})

    async def transcribe(
        self,
        audio: bytes,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        timeout: float | None = None,
        user: str | None = None,
    ) -> str:
        """Return the words heard; arguments and errors are those of `transcribe_verbose`."""
        return (await self._transcribe("json", audio, sample_rate, channels, timeout, user)).text

    async def transcribe_verbose(
        self,
        audio: bytes,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        timeout: float | None = None,
        user: str | None = None,
    ) -> Transcription:
        """Return the words heard with the server's confidence and other hypotheses.

        Args:
            audio: 16-bit little-endian PCM when ``sample_rate`` (Hz) is given, else an encoded file (WAV).
            timeout: seconds for the whole call, retries included.
            user: whose voice this is; servers may adapt to a speaker.

        Raises:
            ModelError: unreachable, refused, too slow, or an answer outside the protocol.
        """
        return await self._transcribe("verbose_json", audio, sample_rate, channels, timeout, user)

    async def _transcribe(
        self,
        response_format: str,
        audio: bytes,
        sample_rate: int | None,
        channels: int,
        timeout: float | None,
        user: str | None,
    ) -> Transcription:
        wav = audio if sample_rate is None else wav_of(audio, sample_rate, channels)
        fields = {"response_format": response_format, **self._fields, **_given({"user": user})}
        file = ("audio.wav", wav, "audio/wav")
        return _transcription(
            self._http.name, await self._http.post_form("/v1/audio/transcriptions", fields, file, timeout)
        )


class OpenAICompatTTS(_AudioClient):
    """Text to speech. ``model_name``, ``voice`` and ``speed`` are sent only when given."""

    def __init__(
        self,
        base_url: str,
        *,
        model_name: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
        name: str = "tts",
        api_key_env: str | None = None,
        timeout: float = DEFAULT_AUDIO_TIMEOUT_S,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        super().__init__(
            base_url, name=name, api_key_env=api_key_env, timeout=timeout, health_check=health_check, client=client
        )
        self._fields = _given({"model": model_name, "voice": voice, "speed": speed})

    async def synthesize(self, text: str, *, response_format: str = "wav", timeout: float | None = None) -> bytes:
        """Return the spoken text, encoded as ``response_format`` says.

        Raises:
            ModelError: unreachable, refused, too slow, or an empty answer.
        """
        body = {"input": text, "response_format": response_format, **self._fields}
        audio = await self._http.post_for_bytes("/v1/audio/speech", body, timeout)
        if not audio:
            raise BadAnswerError(f"{self._http.name} answered no audio for {text[:60]!r}")
        return audio


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _transcription(name: str, answer: dict[str, Any]) -> Transcription:
    text = answer.get("text")
    if not isinstance(text, str):
        raise BadAnswerError(f"{name}: the answer has no `text`: {str(answer)[:300]}")
    confidence = answer.get("confidence")
    alternatives = answer.get("alternatives") or ()
    return Transcription(
        text.strip(),
        float(confidence) if isinstance(confidence, int | float) else None,
        tuple(other for other in alternatives if isinstance(other, str)),
    )
