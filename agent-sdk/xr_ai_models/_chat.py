"""Language and vision models behind OpenAI's ``/v1/chat/completions``."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from xr_ai_models._errors import BadAnswerError, ModelConfigError
from xr_ai_models._http import HttpClient, HttpService
from xr_ai_models._media import media_url
from xr_ai_models._merge import merged
from xr_ai_models._types import (
    Capabilities,
    ChatMessage,
    ChatResponse,
    ContentPart,
    ImageInput,
    ImagePart,
    TextPart,
    ToolCall,
    ToolDef,
    VideoInput,
    VideoPart,
)

_PATH = "/v1/chat/completions"
DEFAULT_CHAT_TIMEOUT_S = 60.0
# Servers disagree on the name of the field that carries reasoning.
_REASONING_FIELDS = ("reasoning", "reasoning_content")


class _ChatClient:
    """What the language and the vision client share: one model behind the chat path."""

    def __init__(
        self,
        base_url: str,
        model_name: str,
        *,
        name: str,
        capabilities: Capabilities | None = None,
        default_extras: Mapping[str, Any] | None = None,
        api_key_env: str | None = None,
        timeout: float = DEFAULT_CHAT_TIMEOUT_S,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        self._http = HttpService(
            name, base_url, timeout_s=timeout, api_key_env=api_key_env, health_check=health_check, client=client
        )
        self.model_name = model_name
        self.capabilities = capabilities or Capabilities()
        self._extras = dict(default_extras or {})

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

    def _body(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model_name, "messages": [message.to_openai() for message in messages]}
        return merged(merged(body, self._extras), {key: value for key, value in options.items() if value is not None})

    async def _stream_text(self, body: dict[str, Any], timeout: float | None) -> AsyncIterator[str]:
        async for event in _events(self._http.stream_lines(_PATH, {**body, "stream": True}, timeout)):
            for choice in event.get("choices") or ():
                text = (choice.get("delta") or {}).get("content")
                if text:
                    yield text


class OpenAICompatLLM(_ChatClient):
    """A language model. Arguments are those of a `models.yaml` entry; ``name`` appears in error messages."""

    def __init__(
        self,
        base_url: str,
        model_name: str,
        *,
        reasoning_field: str | None = None,
        name: str = "llm",
        capabilities: Capabilities | None = None,
        default_extras: Mapping[str, Any] | None = None,
        api_key_env: str | None = None,
        timeout: float = DEFAULT_CHAT_TIMEOUT_S,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        super().__init__(
            base_url,
            model_name,
            name=name,
            capabilities=capabilities,
            default_extras=default_extras,
            api_key_env=api_key_env,
            timeout=timeout,
            health_check=health_check,
            client=client,
        )
        self._reasoning_fields = (reasoning_field,) if reasoning_field else _REASONING_FIELDS

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
        """Return the model's whole answer.

        Args:
            timeout: seconds for the whole call, retries included.
            response_format: as the protocol writes it, e.g. ``{"type": "json_schema", "json_schema": {...}}``.
            user: whose request this is.

        Raises:
            ModelError: unreachable, refused, too slow, or an answer outside the protocol.
        """
        options = _options(tools, max_tokens, temperature, enable_thinking, thinking_budget, response_format, user)
        raw = await self._http.post_json(_PATH, self._body(messages, options), timeout)
        return _parse_response(self._http.name, raw, self._reasoning_fields)

    async def stream(
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
        """Yield the answer's text as it is made; ``timeout`` bounds each wait for more. Raises as `chat` does."""
        options = _options(tools, max_tokens, temperature, enable_thinking, thinking_budget, response_format, user)
        async for text in self._stream_text(self._body(messages, options), timeout):
            yield text


class OpenAICompatVLM(_ChatClient):
    """A model that looks at pictures, and at videos when its capabilities say so."""

    def __init__(
        self,
        base_url: str,
        model_name: str,
        *,
        name: str = "vlm",
        capabilities: Capabilities | None = None,
        default_extras: Mapping[str, Any] | None = None,
        api_key_env: str | None = None,
        timeout: float = DEFAULT_CHAT_TIMEOUT_S,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        super().__init__(
            base_url,
            model_name,
            name=name,
            capabilities=capabilities or Capabilities(vision=True),
            default_extras=default_extras,
            api_key_env=api_key_env,
            timeout=timeout,
            health_check=health_check,
            client=client,
        )

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
        """Return the answer to a question about one image (encoded bytes, a file, or a URL).

        Raises:
            ModelError: unreachable, refused, too slow, or an answer outside the protocol.
            OSError: the image file cannot be read.
        """
        part = ImagePart(await asyncio.to_thread(media_url, image))
        return await self._ask(part, question, system_prompt, max_tokens, temperature, timeout)

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
        """Return the answer to a question about one video; raises as `ask_image`, or ModelConfigError."""
        if not self.capabilities.video:
            raise ModelConfigError(f"{self._http.name} takes no video; set capabilities.video on its entry if it does")
        part = VideoPart(await asyncio.to_thread(media_url, video))
        return await self._ask(part, question, system_prompt, max_tokens, temperature, timeout)

    async def stream(
        self,
        image: ImageInput,
        question: str,
        *,
        system_prompt: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[str]:
        """Yield the answer to a question about one image as it is made. Raises as `ask_image`."""
        part = ImagePart(await asyncio.to_thread(media_url, image))
        options = {"max_tokens": max_tokens, "temperature": temperature}
        body = self._body(_media_messages(part, question, system_prompt), options)
        async for text in self._stream_text(body, timeout):
            yield text

    async def _ask(
        self,
        part: ContentPart,
        question: str,
        system_prompt: str,
        max_tokens: int | None,
        temperature: float | None,
        timeout: float | None,
    ) -> str:
        options = {"max_tokens": max_tokens, "temperature": temperature}
        body = self._body(_media_messages(part, question, system_prompt), options)
        raw = await self._http.post_json(_PATH, body, timeout)
        return _parse_response(self._http.name, raw, _REASONING_FIELDS).content


def _media_messages(part: ContentPart, question: str, system_prompt: str) -> list[ChatMessage]:
    system = [ChatMessage("system", system_prompt)] if system_prompt else []
    return [*system, ChatMessage("user", [part, TextPart(question)])]


def _options(
    tools: Sequence[ToolDef] | None,
    max_tokens: int | None,
    temperature: float | None,
    enable_thinking: bool,
    thinking_budget: int | None,
    response_format: Mapping[str, Any] | None,
    user: str | None,
) -> dict[str, Any]:
    thinking: dict[str, Any] = {}
    if enable_thinking:
        thinking["enable_thinking"] = True
    if thinking_budget is not None:
        thinking["thinking_budget"] = thinking_budget
    return {
        "tools": [tool.to_openai() for tool in tools] if tools else None,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "chat_template_kwargs": thinking or None,
        "response_format": dict(response_format) if response_format else None,
        "user": user,
    }


def _parse_response(name: str, raw: dict[str, Any], reasoning_fields: Sequence[str]) -> ChatResponse:
    try:
        choice = raw["choices"][0]
        message = choice["message"]
        calls = [_parse_call(call) for call in message.get("tool_calls") or ()]
        content = message.get("content") or ""
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadAnswerError(
            f"{name}: the answer has no usable choices[0].message ({error!r}): {str(raw)[:300]}"
        ) from error
    reasoning = next((message[field] for field in reasoning_fields if message.get(field)), "")
    return ChatResponse(content, reasoning, calls, choice.get("finish_reason"), raw)


def _parse_call(call: dict[str, Any]) -> ToolCall:
    function = call["function"]
    return ToolCall(call["id"], function["name"], function["arguments"])


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON objects of a server-sent event stream, with or without a space after ``data:``."""
    async for line in lines:
        if not line.startswith("data:"):
            continue
        payload = line.removeprefix("data:").strip()
        if payload == "[DONE]":
            return
        try:
            event = json.loads(payload)
        except ValueError:
            continue
        if isinstance(event, dict):
            if event.get("error"):
                raise BadAnswerError(f"the server ended its stream with an error: {event['error']}")
            yield event
