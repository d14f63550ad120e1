"""The backend's front: what kind of request it is, and the next step of the plan for it."""

import json

from llm_server.embedded._context import Context
from llm_server.embedded._conversation import respond
from llm_server.embedded._short import acknowledge, request_in, still_working
from llm_server.embedded._steps import Plan, ToolBox, TranscriptError, next_step
from llm_server.embedded._talk import BACKEND_NAME
from llm_server.embedded._turn import Turn, read_turn
from scene_language import guess, parse
from scene_language.commands import Command, is_edit
from xr_ai_program.chat import ChatReply, ChatRequest, ToolCall
from xr_ai_program.model_server import ApiError

__all__ = ("EmbeddedBackend",)

_SCHEMAS = ("quick_ack", "still_working")


class EmbeddedBackend:
    """Answers from a semantic grammar of the demo's language."""

    name = BACKEND_NAME

    def __init__(self) -> None:
        """Load the grammar and the examples, so that the first request does not wait for them."""
        parse("hello")
        guess("could i get a red cube over there")

    def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request.

        Raises:
            ApiError: a response format or a demand for tool calls that this backend cannot meet.
        """
        if request.response_format is not None and request.response_format.get("type") != "text":
            return ChatReply(_as_json(request))
        turn = read_turn(request.messages)
        if not request.tools and not turn.rounds and _is_still_working(request, turn):
            return ChatReply(still_working(turn.request))
        reply = _next(turn, ToolBox(request.tools))
        if request.tool_choice not in (None, "auto", "none") and not reply.tool_calls:
            raise ApiError(
                400,
                f"the {self.name} backend has no tool call to make for this request, so tool_choice "
                f"{request.tool_choice!r} cannot be met; use 'auto'. Its answer would be: {reply.content}",
                param="tool_choice",
            )
        return reply


def _as_json(request: ChatRequest) -> str:
    name = request.schema_name
    if name not in _SCHEMAS:
        raise ApiError(
            400,
            f"the {BACKEND_NAME} backend answers JSON only for the schemas {' and '.join(_SCHEMAS)} "
            f"(response_format.json_schema.name), not for {name or (request.response_format or {}).get('type')!r}",
            param="response_format",
        )
    text = read_turn(request.messages).request
    if name == "still_working":
        return json.dumps({"text": still_working(text)})
    ack, think = acknowledge(request_in(text))
    return json.dumps({"ack": ack, "think": think})


def _is_still_working(request: ChatRequest, turn: Turn) -> bool:
    """Without tools an edit cannot be meant: the words are wanted for somebody who waits."""
    text = request_in(turn.request)
    if text != turn.request:
        return True
    commands: list[Command] | None = parse(text)
    return commands is not None and any(is_edit(command) for command in commands)


def _next(turn: Turn, tools: ToolBox) -> ChatReply:
    context = Context(turn, tools)
    plan: Plan[str] = respond(context)
    try:
        step = next_step(plan, turn.rounds)
    except TranscriptError:
        return ChatReply(_about_last_results(turn))
    if isinstance(step, str):
        return ChatReply(step)
    return ChatReply(tool_calls=tuple(ToolCall.new(call.name, dict(call.arguments)) for call in step))


def _about_last_results(turn: Turn) -> str:
    """Somebody else made these calls; what they answered is all there is to say."""
    problems = [outcome.problem for outcome in turn.rounds[-1].outcomes if outcome.problem]
    if problems:
        return f"That did not work: {problems[0]}."
    return "I lost track of this request after its last step; please look at the scene and say what is still to do."
