"""Reading a conversation: the sections of the last user message, earlier turns, and what this turn has done."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llm_server.embedded._steps import Outcome, Round
from xr_ai_program.chat import ChatMessage

__all__ = ("DOUBTFUL_UP_TO", "Hearing", "Said", "Turn", "Unavailable", "read_turn")

DOUBTFUL_UP_TO = 0.5
"""Confidence of a hearing up to which a change is confirmed before it is made: where the speech server's scale has its
half, and below which it does not trust a hearing itself."""

_SECTION = re.compile(r"^\[([A-Z][A-Za-z ]*)\][ \t]*$", re.MULTILINE)
_REQUEST = "Request"
_UNAVAILABLE = "unavailable:"


@dataclass(frozen=True)
class Unavailable:
    """Stands where the worker could not fetch something, or sent nothing."""

    reason: str


@dataclass(frozen=True)
class Hearing:
    """How well the request was heard; typed requests have none."""

    confidence: float | None = None
    alternatives: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether it may well have been something else."""
        return self.confidence is not None and self.confidence <= DOUBTFUL_UP_TO


@dataclass(frozen=True)
class Said:
    """An earlier request or reply."""

    is_user: bool
    text: str


@dataclass(frozen=True)
class Turn:
    """One request with everything that is known about it."""

    request: str
    scene: Any = field(default_factory=lambda: Unavailable("the message has no [Scene]"))
    head_pose: Any = field(default_factory=lambda: Unavailable("the message has no [Head pose]"))
    recent_moves: tuple[Mapping[str, Any], ...] = ()
    last_changed: tuple[str, ...] = ()
    """Ids of what the newest change touched, whether it was said in this talk or longer ago."""
    hearing: Hearing = field(default_factory=Hearing)
    earlier: tuple[Said, ...] = ()
    rounds: tuple[Round, ...] = ()

    @property
    def last_reply(self) -> str:
        """What the assistant said last, empty at the start of a conversation."""
        return next(self.replies, "")

    @property
    def replies(self) -> Iterator[str]:
        """What the assistant said, newest first."""
        return (said.text for said in reversed(self.earlier) if not said.is_user)

    @property
    def last_request(self) -> str:
        """What the user said before this request, empty at the start of a conversation."""
        return next((said.text for said in reversed(self.earlier) if said.is_user), "")


def read_turn(messages: Sequence[ChatMessage]) -> Turn:
    """Return the turn that the last user message begins; a conversation without one is an empty request."""
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=len(messages))
    text = messages[last].text if last < len(messages) else ""
    sections = _sections(text)
    return Turn(
        request=sections.get(_REQUEST, "").strip(),
        scene=_value(sections, "Scene"),
        head_pose=_value(sections, "Head pose"),
        recent_moves=_moves(_value(sections, "Recent moves")),
        last_changed=_ids(_value(sections, "Last changed")),
        hearing=_hearing(_value(sections, "Hearing")),
        earlier=tuple(
            Said(m.role == "user", m.text) for m in messages[:last] if m.role in {"user", "assistant"} and m.text
        ),
        rounds=_rounds(messages[last + 1 :]),
    )


def _sections(text: str) -> dict[str, str]:
    """Split a message at its section lines. What follows [Request] is the person's own words, whatever they hold."""
    marks = list(_SECTION.finditer(text))
    if not any(mark[1] == _REQUEST for mark in marks):
        return {_REQUEST: text}
    sections: dict[str, str] = {}
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark[1] == _REQUEST:
            return {**sections, _REQUEST: text[mark.end() :]}
        sections[mark[1]] = text[mark.end() : following.start() if following else len(text)].strip()
    return sections


def _value(sections: Mapping[str, str], name: str) -> Any:
    text = sections.get(name)
    if text is None:
        return Unavailable(f"the message has no [{name}]")
    if text.startswith(_UNAVAILABLE):
        return Unavailable(text.removeprefix(_UNAVAILABLE).strip())
    try:
        return json.loads(text)
    except ValueError:
        return Unavailable(f"[{name}] is not JSON")


def _ids(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _moves(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(move for move in value if isinstance(move, Mapping)) if isinstance(value, list) else ()


def _hearing(value: Any) -> Hearing:
    if not isinstance(value, Mapping):
        return Hearing()
    confidence = value.get("confidence")
    alternatives = value.get("alternatives")
    return Hearing(
        float(confidence) if isinstance(confidence, int | float) else None,
        tuple(str(text) for text in alternatives) if isinstance(alternatives, list) else (),
    )


def _rounds(messages: Sequence[ChatMessage]) -> tuple[Round, ...]:
    answers = {message.tool_call_id: message.text for message in messages if message.role == "tool"}
    return tuple(
        Round(
            tuple(call.function.name for call in message.tool_calls),
            [Outcome.of(answers[call.id]) for call in message.tool_calls],
        )
        for message in messages
        if message.role == "assistant" and message.tool_calls
    )
