"""The message that tells the language model what is the case and what is wanted (docs/contracts.md)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xr_ai_models import ChatMessage
from xr_render_demo_worker.memory import Turn

__all__ = ("Known", "Request", "Unavailable", "build_messages")


@dataclass(frozen=True)
class Request:
    """What a participant asked for; hearing is None for typed text."""

    text: str
    is_spoken: bool = False
    confidence: float | None = None
    alternatives: Sequence[str] = ()


@dataclass(frozen=True)
class Unavailable:
    """Stands where something could not be fetched, so that it is never mistaken for nothing being there."""

    reason: str


@dataclass(frozen=True)
class Known:
    """What was fetched before the model is asked: tool results, or why there is none."""

    scene: Any
    head_pose: Any
    ahead: Any
    recent_moves: Sequence[dict[str, Any]] = ()
    last_changed: Sequence[str] = ()


def build_messages(system_prompt: str, turns: Sequence[Turn], known: Known, request: Request) -> list[ChatMessage]:
    """Return the conversation: system prompt, earlier turns as plain text, then the sections of this turn."""
    earlier = [
        message
        for turn in turns
        for message in (ChatMessage("user", turn.request), ChatMessage("assistant", turn.reply))
    ]
    return [ChatMessage("system", system_prompt), *earlier, ChatMessage("user", _sections(known, request))]


def _sections(known: Known, request: Request) -> str:
    parts = [
        ("Scene", _value(known.scene)),
        ("Head pose", _value(known.head_pose)),
        ("Position ahead", _value(known.ahead)),
        ("Recent moves", _value(list(known.recent_moves))),
        ("Last changed", _value(list(known.last_changed))),
    ]
    if request.is_spoken:
        parts.append(
            ("Hearing", _value({"confidence": request.confidence, "alternatives": list(request.alternatives)}))
        )
    parts.append(("Request", request.text))
    return "\n".join(f"[{name}]\n{content}" for name, content in parts)


def _value(value: Any) -> str:
    if isinstance(value, Unavailable):
        return f"unavailable: {value.reason}".replace("\n", " ")
    return json.dumps(value)
