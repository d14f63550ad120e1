"""Short signs of life: the acknowledgement of a request, and what is said when it takes long."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xr_ai_models import ChatMessage, LLMService, ModelError
from xr_render_demo_worker.memory import Turn

__all__ = ("Acknowledgement", "quick_ack", "still_working")

logger = logging.getLogger(__name__)

_ACK_MAX_TOKENS = 40
_STILL_MAX_TOKENS = 32
_STILL_TIMEOUT_S = 6.0
# Longer answers are no acknowledgement but the model going on about something.
_MAX_CHARS = 80


@dataclass(frozen=True)
class Acknowledgement:
    """``ack`` is shown; it is also spoken when ``think``, for then the person will wait."""

    ack: str
    think: bool


async def quick_ack(
    llm: LLMService, prompt: str, turns: Sequence[Turn], text: str, *, user: str, timeout_s: float
) -> Acknowledgement | None:
    """Ask the quick model for an acknowledgement; None when it gives nothing usable in time."""
    last = f"Earlier: {turns[-1].request} -> {turns[-1].reply}\n" if turns else ""
    schema = _schema("quick_ack", {"ack": {"type": "string"}, "think": {"type": "boolean"}})
    answer = await _ask_json(llm, prompt, f"{last}Request: {text}", schema, _ACK_MAX_TOKENS, user, timeout_s)
    if answer is None:
        return None
    ack, think = answer.get("ack"), answer.get("think")
    if not isinstance(ack, str) or not 0 < len(ack.strip()) <= _MAX_CHARS:
        return None
    return Acknowledgement(ack.strip(), think is True)


async def still_working(
    llm: LLMService,
    prompt: str,
    text: str,
    last_step: Callable[[], str],
    send: Callable[[str], Awaitable[None]],
    *,
    user: str,
    first_s: float,
    every_s: float,
) -> None:
    """Say what is going on after ``first_s`` and then every ``every_s``, until cancelled."""
    schema = _schema("still_working", {"text": {"type": "string"}})
    said: list[str] = []
    await asyncio.sleep(first_s)
    while True:
        asked = f"Request: {text}\nCurrent step: {last_step()}\nAlready said: {json.dumps(said[-3:])}"
        answer = await _ask_json(llm, prompt, asked, schema, _STILL_MAX_TOKENS, user, _STILL_TIMEOUT_S)
        phrase = answer.get("text") if answer else None
        if not isinstance(phrase, str) or not 0 < len(phrase.strip()) <= _MAX_CHARS or phrase in said:
            phrase = f"Still working: {last_step()}"
        said.append(phrase)
        await send(phrase.strip())
        await asyncio.sleep(every_s)


async def _ask_json(
    llm: LLMService, prompt: str, text: str, schema: dict[str, Any], max_tokens: int, user: str, timeout_s: float
) -> dict[str, Any] | None:
    messages = [ChatMessage("system", prompt), ChatMessage("user", text)]
    try:
        answer = await llm.chat(
            messages, max_tokens=max_tokens, temperature=0.0, timeout=timeout_s, response_format=schema, user=user
        )
        value = json.loads(answer.content)
    except (ModelError, ValueError) as error:
        # A truncated or chatty answer must not be read out, and a missing one must not hold up the work.
        logger.info("%s: no usable short answer: %s", user, error)
        return None
    return value if isinstance(value, dict) else None


def _schema(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
