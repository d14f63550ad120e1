"""OpenAI's chat completions as a server speaks them: the request's shape in, one answer or a stream of deltas out.

Source: OpenAI API reference, "Create chat completion". Only what our model servers answer is modelled; other request
fields are accepted and ignored, as OpenAI-compatible servers do.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

__all__ = ("ChatMessage", "ChatReply", "ChatRequest", "ContentPart", "ToolCall", "chat_response")


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ImageUrl(_Lenient):
    """Where a picture is; here always a data URL."""

    url: str


class ContentPart(_Lenient):
    """One part of a message: text or a picture."""

    type: Literal["text", "image_url"]
    text: str = ""
    image_url: ImageUrl | None = None


class FunctionCall(_Lenient):
    """A function's name and its arguments as JSON text."""

    name: str
    arguments: str


class ToolCall(_Lenient):
    """A call that the model asks its caller to make."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall

    @classmethod
    def new(cls, name: str, arguments: dict[str, Any]) -> "ToolCall":
        """A call with a fresh id."""
        return cls(
            id=f"call_{uuid.uuid4().hex[:16]}", function=FunctionCall(name=name, arguments=json.dumps(arguments))
        )


class ChatMessage(_Lenient):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The message's text, its parts joined by newlines."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if part.type == "text")

    @property
    def image_urls(self) -> list[str]:
        """The URLs of the message's pictures, in order."""
        parts = self.content if isinstance(self.content, list) else []
        return [part.image_url.url for part in parts if part.image_url is not None]


class FunctionSpec(_Lenient):
    """A function on offer; ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class ToolSpec(_Lenient):
    """A tool on offer."""

    type: Literal["function"] = "function"
    function: FunctionSpec


class ChatRequest(_Lenient):
    """The body of ``POST /v1/chat/completions``."""

    model: str = ""
    messages: list[ChatMessage] = Field(min_length=1)
    tools: list[ToolSpec] = Field(default_factory=list)
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    stream: bool = False
    user: str = ""

    @property
    def schema_name(self) -> str | None:
        """The name of the JSON schema that the answer must follow, if one was asked for."""
        schema = (self.response_format or {}).get("json_schema")
        return schema.get("name") if isinstance(schema, dict) else None


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a backend answers: text, or tool calls with optional text beside them."""

    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()

    @property
    def finish_reason(self) -> str:
        """OpenAI's word for how the answer ended."""
        return "tool_calls" if self.tool_calls else "stop"


def chat_response(request: ChatRequest, reply: ChatReply, *, model: str, fingerprint: str) -> Response:
    """``reply`` as the client asked for it: one JSON object, or server-sent events.

    ``fingerprint`` says what really answered (OpenAI's ``system_fingerprint``).
    """
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": fingerprint,
    }
    if request.stream:
        return StreamingResponse(_events(head, reply), media_type="text/event-stream")
    message: dict[str, Any] = {"role": "assistant", "content": reply.content or None}
    if reply.tool_calls:
        message["tool_calls"] = [call.model_dump() for call in reply.tool_calls]
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason, "logprobs": None}
    return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": _usage(request, reply)})


def _events(head: dict[str, Any], reply: ChatReply) -> Iterator[str]:
    def event(delta: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"

    yield event({"role": "assistant", "content": ""})
    for word in reply.content.split(" ") if reply.content else ():
        yield event({"content": word + " "})
    for index, call in enumerate(reply.tool_calls):
        yield event({"tool_calls": [{"index": index, **call.model_dump()}]})
    yield event({}, reply.finish_reason)
    yield "data: [DONE]\n\n"


def _usage(request: ChatRequest, reply: ChatReply) -> dict[str, int]:
    # Our embedded backends have no tokens; words are the nearest thing a client can budget with.
    prompt = sum(len(message.text.split()) for message in request.messages)
    completion = len(reply.content.split()) + sum(len(call.function.arguments.split()) for call in reply.tool_calls)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
