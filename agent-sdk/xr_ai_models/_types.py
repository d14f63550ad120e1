"""What is said to models and what they answer, as plain frozen data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class TextPart:
    """Text within a message that also carries media."""

    text: str
    type: Literal["text"] = "text"

    def to_openai(self) -> dict[str, Any]:
        """Return the part as the chat protocol writes it."""
        return {"type": self.type, "text": self.text}


@dataclass(frozen=True)
class ImagePart:
    """An image by URL; local images travel as data URLs."""

    url: str
    type: Literal["image_url"] = "image_url"

    def to_openai(self) -> dict[str, Any]:
        """Return the part as the chat protocol writes it."""
        return {"type": self.type, "image_url": {"url": self.url}}


@dataclass(frozen=True)
class VideoPart:
    """A video by URL; local videos travel as data URLs."""

    url: str
    type: Literal["video_url"] = "video_url"

    def to_openai(self) -> dict[str, Any]:
        """Return the part as the chat protocol writes it."""
        return {"type": self.type, "video_url": {"url": self.url}}


ContentPart: TypeAlias = TextPart | ImagePart | VideoPart
# bytes: encoded media; Path: a file of encoded media; str: a URL, passed on as it is.
ImageInput: TypeAlias = bytes | Path | str
VideoInput: TypeAlias = bytes | Path | str


@dataclass(frozen=True)
class ToolCall:
    """A call the model asks for. ``arguments`` is the JSON text as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str

    def to_openai(self) -> dict[str, Any]:
        """Return the call as an assistant message carries it."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True)
class ToolDef:
    """A tool offered to the model; ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    def to_openai(self) -> dict[str, Any]:
        """Return the tool as the ``tools`` list of a request carries it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


@dataclass(frozen=True)
class ChatMessage:
    """One message of a conversation."""

    role: Role
    content: str | Sequence[ContentPart]
    tool_calls: Sequence[ToolCall] | None = None
    tool_call_id: str | None = None

    def to_openai(self) -> dict[str, Any]:
        """Return the message as the chat protocol writes it."""
        content: Any = self.content if isinstance(self.content, str) else [p.to_openai() for p in self.content]
        message: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            # Servers with strict templates refuse an empty string beside tool calls.
            message["content"] = content or None
            message["tool_calls"] = [call.to_openai() for call in self.tool_calls]
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message


@dataclass(frozen=True)
class ChatResponse:
    """A model's whole answer. ``raw`` is the decoded JSON body."""

    content: str
    reasoning: str = ""
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Transcription:
    """What a speech server heard.

    Attributes:
        text: the best hypothesis; empty when nothing was understood.
        confidence: 0..1, or None when the server does not say.
        alternatives: other hypotheses, best first.
    """

    text: str
    confidence: float | None = None
    alternatives: Sequence[str] = ()


@dataclass(frozen=True)
class Capabilities:
    """What a model can do beyond answering text with text."""

    streaming: bool = True
    tool_calls: bool = False
    vision: bool = False
    video: bool = False
    reasoning: bool = False
