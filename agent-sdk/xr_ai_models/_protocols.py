"""The four services an agent may depend on, independent of who provides them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from xr_ai_models._types import ChatMessage, ChatResponse, ImageInput, ToolDef, Transcription, VideoInput


@runtime_checkable
class ModelService(Protocol):
    """What every model service answers."""

    async def health(self) -> bool:
        """Whether the server says that it is usable now."""
        ...

    async def close(self) -> None:
        """Release the connections."""
        ...


@runtime_checkable
class LLMService(ModelService, Protocol):
    """A language model."""

    async def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        tools: Sequence[ToolDef] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        enable_thinking: bool = False,
        thinking_budget: int | None = None,
        timeout: float | None = None,
        response_format: Mapping[str, Any] | None = None,
        user: str | None = None,
    ) -> ChatResponse:
        """Return the model's whole answer."""
        ...

    def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        tools: Sequence[ToolDef] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        enable_thinking: bool = False,
        thinking_budget: int | None = None,
        timeout: float | None = None,
        response_format: Mapping[str, Any] | None = None,
        user: str | None = None,
    ) -> AsyncIterator[str]:
        """Yield the answer's text as it is made."""
        ...


@runtime_checkable
class VLMService(ModelService, Protocol):
    """A model that looks at pictures."""

    async def ask_image(
        self,
        image: ImageInput,
        question: str,
        *,
        system_prompt: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | None = None,
    ) -> str:
        """Return the answer to a question about one image."""
        ...

    async def ask_video(
        self,
        video: VideoInput,
        question: str,
        *,
        system_prompt: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | None = None,
    ) -> str:
        """Return the answer to a question about one video."""
        ...

    def stream(
        self,
        image: ImageInput,
        question: str,
        *,
        system_prompt: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[str]:
        """Yield the answer's text as it is made."""
        ...


@runtime_checkable
class STTService(ModelService, Protocol):
    """Speech to text."""

    async def transcribe(
        self,
        audio: bytes,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        timeout: float | None = None,
        user: str | None = None,
    ) -> str:
        """Return the words heard."""
        ...

    async def transcribe_verbose(
        self,
        audio: bytes,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        timeout: float | None = None,
        user: str | None = None,
    ) -> Transcription:
        """Return the words heard with the server's confidence and other hypotheses."""
        ...


@runtime_checkable
class TTSService(ModelService, Protocol):
    """Text to speech."""

    async def synthesize(self, text: str, *, response_format: str = "wav", timeout: float | None = None) -> bytes:
        """Return encoded audio."""
        ...
