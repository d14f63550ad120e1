"""The `undo` tool: takes back what the last changing turn did, whatever it was."""

import logging
from collections.abc import Mapping
from typing import Any

from xr_ai_models import ToolDef
from xr_render_demo_worker._errors import ToolServerError
from xr_render_demo_worker.memory import Memory
from xr_render_demo_worker.scene import Change, what_changed
from xr_render_demo_worker.toolbox import ToolBox

__all__ = ("UNDO_TOOL", "undo_last_step")

logger = logging.getLogger(__name__)

UNDO_TOOL = ToolDef(
    "undo",
    "Take back the last change of the scene (an addition, a removal, a move, a new colour or size). "
    "Calling it again takes back the one before.",
    {"type": "object", "properties": {}},
)


async def undo_last_step(memory: Memory, tools: ToolBox, participant_id: str) -> Mapping[str, Any]:
    """Reverse the newest step, newest change first, and tell what was undone.

    Each entry of ``undone`` is ``{"changed": ["position"], "object": {...}}``: what the step had done to the object,
    and the object as it was before (or, for one that was added, as it was when it was taken out). What could not be
    undone stays in the log, so that it can be tried again.
    """
    step = memory.take_last_step()
    if not step:
        return {"ok": False, "error": "there is nothing to undo"}
    undone: list[dict[str, Any]] = []
    while step:
        problem = await _undo(step[-1], memory, tools, participant_id)
        if problem:
            memory.put_back(step)
            return {"ok": False, "error": f"could not undo that: {problem}", "undone": undone}
        change = step.pop()
        undone.append({"changed": what_changed(change), "object": change.before or change.after})
    return {"ok": True, "undone": undone, "steps_left": memory.undo_steps}


async def _undo(change: Change, memory: Memory, tools: ToolBox, participant_id: str) -> str:
    """Reverse one change; returns what went wrong, or nothing."""
    call = memory.reverse(change)
    try:
        result = await tools.call(call.tool, call.arguments, participant_id=participant_id)
    except ToolServerError as error:
        return str(error)
    value = result.value if isinstance(result.value, Mapping) else {}
    if result.is_refusal:
        return str(value.get("error") or value.get("reason") or "the renderer refused")
    new_id = value.get("id") or value.get("new_id")
    if new_id:
        memory.renamed(call.restores or change.object_id, str(new_id))
    return ""
