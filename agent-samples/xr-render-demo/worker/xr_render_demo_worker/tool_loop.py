"""The loop between the language model and the tools; it ends with an answer or with a `TurnError`."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xr_ai_models import ChatMessage, ChatResponse, LLMService, ModelError, ModelTimeoutError, ToolCall, ToolDef
from xr_render_demo_worker._errors import TurnError
from xr_render_demo_worker.tool_server import ToolResult
from xr_render_demo_worker.toolbox import MUTATING_TOOLS

__all__ = ("LoopLimits", "LoopOutcome", "run_tool_loop")

logger = logging.getLogger(__name__)

_ANSWER_TOKENS = 1024
_THINKING_TOKENS = 2048
_THINKING_BUDGET = 1024
# The tools that a claim of a change can rest on.
_CHANGING = MUTATING_TOOLS | {"undo", "redo", "bring_back"}
_CALL_KEYS = ({"name", "arguments"}, {"tool", "args"}, {"tool", "arguments"}, {"function", "arguments"})
_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


@dataclass(frozen=True)
class LoopLimits:
    """How often and how long the model may be asked in one turn."""

    max_iterations: int
    llm_timeout_s: float


@dataclass
class LoopOutcome:
    """What came of it: the reply, and which scene-changing tools were tried and succeeded."""

    reply: str = ""
    tried: list[str] = field(default_factory=list)
    succeeded: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, tool: str, result: ToolResult) -> None:
        """Record what a scene-changing tool answered."""
        if result.is_refusal:
            self.errors.append(_reason(result.value))
        if tool in _CHANGING:
            self.tried.append(tool)
            if not result.is_refusal:
                self.succeeded.append(tool)


async def run_tool_loop(
    llm: LLMService,
    messages: list[ChatMessage],
    tools: Sequence[ToolDef],
    answer_call: Callable[[str, str], Awaitable[ToolResult]],
    outcome: LoopOutcome,
    limits: LoopLimits,
    *,
    user: str,
    think: bool = False,
) -> None:
    """Ask the model until it answers in words; ``outcome`` is filled as the loop goes, so a cancelled one can be read.

    Args:
        messages: the conversation; calls and results are appended.
        answer_call: runs one call (name, arguments as the model wrote them).

    Raises:
        TurnError: the model failed, answered nothing, or did not come to an end.
    """
    names = {tool.name for tool in tools}
    for _ in range(limits.max_iterations):
        answer = await _ask(llm, messages, tools, limits, user, think)
        if not answer.tool_calls and answer.finish_reason == "length" and think:
            # The thinking used up the answer's tokens: the same question again, answered straight.
            think = False
            continue
        calls = list(answer.tool_calls) or _calls_in_text(answer.content, names)
        if not calls:
            outcome.reply = _final_text(answer)
            return
        think = False
        messages.append(ChatMessage("assistant", answer.content if answer.tool_calls else "", tool_calls=calls))
        for call in calls:
            result = await answer_call(call.name, call.arguments)
            outcome.note(call.name, result)
            messages.append(ChatMessage("tool", result.text, tool_call_id=call.id))
    done = "Part of it may be done. " if outcome.succeeded else ""
    raise TurnError(
        f"Sorry, I could not finish that. {done}Please try it in smaller steps.",
        f"no answer after {limits.max_iterations} iterations",
    )


async def _ask(
    llm: LLMService,
    messages: Sequence[ChatMessage],
    tools: Sequence[ToolDef],
    limits: LoopLimits,
    user: str,
    think: bool,
) -> ChatResponse:
    try:
        return await llm.chat(
            messages,
            tools=tools,
            temperature=0.0,
            max_tokens=_THINKING_TOKENS if think else _ANSWER_TOKENS,
            enable_thinking=think,
            thinking_budget=_THINKING_BUDGET if think else None,
            timeout=limits.llm_timeout_s,
            user=user,
        )
    except ModelTimeoutError as error:
        raise TurnError("Sorry, the language model took too long to answer.", str(error)) from error
    except ModelError as error:
        raise TurnError("Sorry, I cannot reach the language model right now.", str(error)) from error


def _final_text(answer: ChatResponse) -> str:
    text = answer.content.strip()
    if not text:
        raise TurnError("Sorry, the language model gave no answer.", f"empty answer ({answer.finish_reason})")
    if _is_call_json(text):
        raise TurnError("Sorry, I got confused and did not do that. Please say it again.", f"leaked call: {text[:200]}")
    return text


def _calls_in_text(text: str, names: set[str]) -> list[ToolCall]:
    """Return the call that a model wrote as text instead of calling: a bare tool name, or its JSON."""
    stripped = _FENCE.sub("", text.strip())
    if stripped.removesuffix("()") in names:
        return [ToolCall("text-call", stripped.removesuffix("()"), "{}")]
    value = _json(stripped)
    if not isinstance(value, dict):
        return []
    name = value.get("name") or value.get("tool") or value.get("function")
    arguments = value.get("arguments", value.get("args", {}))
    if name not in names or not isinstance(arguments, dict | str):
        return []
    return [ToolCall("text-call", name, arguments if isinstance(arguments, str) else json.dumps(arguments))]


def _is_call_json(text: str) -> bool:
    value = _json(_FENCE.sub("", text))
    return isinstance(value, dict) and any(keys <= set(value) for keys in _CALL_KEYS)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _reason(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("error") or value.get("reason") or "refused")
    return str(value)
