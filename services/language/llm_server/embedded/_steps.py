"""Plans as coroutines: a plan yields the tool calls of its next step and is sent what they answered.

The server keeps nothing between requests. Each request holds the calls and results so far, so the plan is run again
from the start, fed with those results, up to the first step that has none.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

from xr_ai_program.chat import ToolSpec

__all__ = (
    "Call",
    "CannotDoError",
    "Outcome",
    "Plan",
    "RefusalError",
    "Round",
    "ToolBox",
    "TranscriptError",
    "next_step",
)

T = TypeVar("T")


class CannotDoError(Exception):
    """Something asked for cannot be done; the message is the reason, for the person who asked."""


class RefusalError(CannotDoError):
    """The message is the whole answer, not the reason why some step failed."""


class TranscriptError(Exception):
    """The calls in the conversation are not those that this plan makes."""


@dataclass(frozen=True)
class Call:
    """A tool call to be made."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a tool answered: ``value`` is its decoded result, ``problem`` says what went wrong, empty if nothing."""

    value: Any
    problem: str = ""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The result's fields; empty for a result that is not an object."""
        return self.value if isinstance(self.value, Mapping) else {}

    @classmethod
    def of(cls, text: str) -> "Outcome":
        """Read a tool message; a refusal (``ok: false``) and an error are both problems."""
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        return cls(value, _problem(value))


def _problem(value: Any) -> str:
    if value is None or value == "":
        return "the tool answered nothing"
    if not isinstance(value, Mapping):
        is_error = isinstance(value, str) and value.lower().startswith("error")
        return value if is_error else ""
    if value.get("ok") is False or value.get("error") or value.get("is_valid") is False:
        return explained(value)
    return ""


_REASONS = {
    "not_started": "the renderer has not started yet",
    "backpressure": "the renderer is too busy",
    "not_found": "it is not in the scene any more",
    "pose unavailable": "I do not know where your head is",
}


def explained(answer: Mapping[str, Any]) -> str:
    """Return the reason of a refusal in words."""
    for key in ("reason", "error"):
        known = _REASONS.get(str(answer.get(key)))
        if known:
            return known
    return str(answer.get("error") or answer.get("reason") or "the tool refused without a reason").rstrip(". ")


@dataclass(frozen=True)
class Round:
    """Calls that were made together, and what each answered."""

    names: tuple[str, ...]
    outcomes: list[Outcome]


Plan = Generator[list[Call], list[Outcome], T]


def next_step(plan: Plan[T], rounds: Sequence[Round]) -> list[Call] | T:
    """Run a plan over what has happened so far; returns its next calls, or its result when it is through.

    Raises:
        TranscriptError: what has happened is not what the plan would have done.
    """
    waiting = list(rounds)
    try:
        calls = next(plan)
        while waiting:
            done = waiting.pop(0)
            if tuple(call.name for call in calls) != done.names:
                expected = ", ".join(call.name for call in calls)
                raise TranscriptError(f"expected calls of {expected}; the conversation has {', '.join(done.names)}")
            calls = plan.send(done.outcomes)
    except StopIteration as end:
        if waiting:
            raise TranscriptError("the conversation has calls that this plan does not make") from None
        result: T = end.value
        return result
    return calls


class ToolBox:
    """The tools on offer in one request."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = {tool.function.name: tool.function for tool in tools}

    def has(self, name: str) -> bool:
        """Whether the tool is on offer."""
        return name in self._tools

    def choices(self, name: str, argument: str) -> list[str] | None:
        """Return the values that a tool's argument may take, or None when its schema does not limit them."""
        function = self._tools.get(name)
        schema = function.parameters.get("properties", {}).get(argument, {}) if function else {}
        return schema.get("enum")

    def call(self, name: str, **arguments: Any) -> Plan[Outcome]:
        """Call one tool and return what it answered."""
        outcomes = yield from self.call_all([Call(name, arguments)])
        return outcomes[0]

    def need(self, name: str, **arguments: Any) -> Plan[Outcome]:
        """Call one tool whose result the plan cannot do without.

        Raises:
            CannotDoError: it failed; the message is its reason.
        """
        outcome = yield from self.call(name, **arguments)
        if outcome.problem:
            raise CannotDoError(outcome.problem)
        return outcome

    def call_all(self, calls: list[Call]) -> Plan[list[Outcome]]:
        """Make independent calls in one step and return what they answered, in order.

        Raises:
            CannotDoError: a tool is not on offer, or does not take these arguments.
        """
        for call in calls:
            self._check(call)
        return (yield calls)

    def _check(self, call: Call) -> None:
        function = self._tools.get(call.name)
        if function is None:
            raise CannotDoError(f"the tool {call.name} is not available right now")
        try:
            error = next(Draft202012Validator(function.parameters).iter_errors(dict(call.arguments)), None)
        except SchemaError as broken:
            raise CannotDoError(f"the schema of the tool {call.name} is broken: {broken.message}") from broken
        if error is not None:
            raise CannotDoError(f"the tool {call.name} does not take what this needs: {error.message}")
