"""What makes a chat request wrong beyond its shape: OpenAI's rules about tools, tool results and the model's name."""

from collections.abc import Sequence

from xr_ai_program.chat import ChatMessage, ChatRequest, ToolSpec
from xr_ai_program.model_server import ApiError

__all__ = ("check_request",)

_NOT_FOUND = 404


def check_request(request: ChatRequest, model_name: str) -> ChatRequest:
    """Return the request with the tools that ``tool_choice`` leaves.

    Raises:
        ApiError: 404 for another model, 400 that names the wrong field and the repair.
    """
    if request.model not in ("", model_name):
        message = f"the model {request.model!r} does not exist here; this server serves {model_name!r}"
        raise ApiError(_NOT_FOUND, message, param="model")
    _check_tool_messages(request.messages)
    return request.model_copy(update={"tools": _chosen_tools(request)})


def _check_tool_messages(messages: Sequence[ChatMessage]) -> None:
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if message.role == "tool":
            if message.tool_call_id not in open_calls:
                raise ApiError(
                    400,
                    f"{where}: a tool message must answer a call of the assistant message before it; "
                    f"tool_call_id {message.tool_call_id!r} is none of its open calls {sorted(open_calls)}",
                    param=f"{where}.tool_call_id",
                )
            open_calls.discard(message.tool_call_id)
            continue
        _check_answered(open_calls, where)
        open_calls = {call.id for call in message.tool_calls or ()}
    _check_answered(open_calls, "messages")


def _check_answered(open_calls: set[str], where: str) -> None:
    if open_calls:
        raise ApiError(
            400,
            f"{where}: an assistant message with tool_calls must be followed by a tool message for each of them; "
            f"missing: {', '.join(sorted(open_calls))}",
            param=where,
        )


def _chosen_tools(request: ChatRequest) -> list[ToolSpec]:
    choice = request.tool_choice
    if choice in (None, "auto", "required"):
        if choice == "required" and not request.tools:
            raise ApiError(400, "tool_choice is 'required' but no tools are given", param="tool_choice")
        return request.tools
    if choice == "none":
        return []
    name = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if not isinstance(name, str):
        expected = 'expected \'none\', \'auto\', \'required\' or {"type": "function", "function": {"name": …}}'
        raise ApiError(400, f"tool_choice: {choice!r}; {expected}", param="tool_choice")
    chosen = [tool for tool in request.tools if tool.function.name == name]
    if not chosen:
        raise ApiError(400, f"tool_choice names {name!r}, which is not among the tools", param="tool_choice")
    return chosen
