"""The tools `undo`, `redo` and `bring_back`: what turns did is taken back, done again, and what is gone returns."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xr_ai_models import ToolDef
from xr_render_demo_worker._errors import ToolServerError
from xr_render_demo_worker.history import History, Kind, Step, restoring
from xr_render_demo_worker.scene import Change, scene_of, what_changed
from xr_render_demo_worker.toolbox import ToolBox

__all__ = ("BRING_BACK_TOOL", "REDO_TOOL", "UNDO_TOOL", "TimeTraveller")

UNDO_TOOL = ToolDef(
    "undo",
    "Take back the last change of the scene (an addition, a removal, a move, a new colour or size). "
    "Calling it again takes back the one before; with all, every change that is remembered.",
    {"type": "object", "properties": {"all": {"type": "boolean"}}},
)
REDO_TOOL = ToolDef(
    "redo",
    "Do again what the last undo took back. Possible until something else is changed.",
    {"type": "object", "properties": {}},
)
BRING_BACK_TOOL = ToolDef(
    "bring_back",
    "Bring back what was removed last and is still gone, and change nothing else; with all, everything that was "
    "removed in a row. With a shape (prim_type) or a colour (r, g, b) only what is like that, however long it is gone.",
    {
        "type": "object",
        "properties": {
            "all": {"type": "boolean"},
            "prim_type": {"type": "string"},
            **{part: {"type": "number"} for part in "rgb"},
        },
    },
)


@dataclass(frozen=True)
class TimeTraveller:
    """Moves one participant's scene back and forth through its history."""

    history: History
    tools: ToolBox
    participant_id: str

    async def undo(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Reverse the newest step or ``all`` of them, newest change first, and tell what was undone.

        Each entry of ``undone`` is ``{"changed": ["position"], "object": {...}}``: what the step had done to the
        object, and the object as it was before (or, for one that was added, as it was when it was taken out).
        ``steps`` says how many steps that were, ``is_complete`` whether nothing before them is forgotten.
        """
        if not self.history.done:
            return {"ok": False, "error": "there is nothing to undo"}
        steps = len(self.history.done) if arguments.get("all") else 1
        changes, problem, taken = await self._travel(steps, backwards=True)
        self.history.note_undone(taken)
        told = [{"changed": what_changed(change), "object": change.before or change.after} for change in changes]
        if problem:
            return {"ok": False, "error": f"could not undo that: {problem}", "undone": told}
        return {
            "ok": True,
            "undone": told,
            "steps": taken,
            "steps_left": len(self.history.done),
            "is_complete": not self.history.has_forgotten,
        }

    async def redo(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make again what the last undo took back; ``redone`` has each object as it is now (or was, if removed)."""
        if not self.history.undone:
            return {"ok": False, "error": "there is nothing to redo"}
        changes, problem, taken = await self._travel(self.history.take_redo(), backwards=False)
        told = [{"changed": what_changed(change), "object": change.after or change.before} for change in changes]
        if problem:
            return {"ok": False, "error": f"could not redo that: {problem}", "redone": told}
        return {"ok": True, "redone": told, "steps": taken, "steps_left": len(self.history.undone)}

    async def bring_back(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add again what was removed last (``all``: in a row) and is still gone; ``brought_back`` has the objects.

        With ``prim_type`` or ``r, g, b`` it is the last (``all``: everything) of that kind.

        That is a change like any other, for whoever records the turn's changes: nothing is taken from the history.
        """
        try:
            result = await self.tools.call("get_scene_state", {}, participant_id=self.participant_id)
            gone = self.history.gone(
                scene_of(result.value), everything=bool(arguments.get("all")), kind=Kind.of(arguments)
            )
        except (ToolServerError, ValueError) as error:
            return {"ok": False, "error": f"the scene cannot be seen: {error}"}
        if not gone:
            return {"ok": False, "error": "nothing is gone"}
        for at, item in enumerate(gone):
            problem = await self._restore(Change(None, item), backwards=False)
            if problem:
                return {"ok": False, "error": f"could not bring that back: {problem}", "brought_back": gone[:at]}
        return {"ok": True, "brought_back": gone}

    async def _travel(self, steps: int, *, backwards: bool) -> tuple[list[Change], str, int]:
        """Carry so many steps over, up to the first problem; returns the changes made, the problem and the steps."""
        source, target = self.history.done, self.history.undone
        if not backwards:
            source, target = target, source
        made: list[Change] = []
        for taken in range(steps):
            changes, problem = await self._shift(source, target, backwards=backwards)
            made += changes
            if problem:
                return made, problem, taken + bool(changes)
        return made, "", steps

    async def _shift(self, source: deque[Step], target: deque[Step], *, backwards: bool) -> tuple[list[Change], str]:
        """Carry the newest step over, change by change.

        What could not be restored stays where it was, so that it can be tried again. Both parts are in the history
        all the time: an id that changes on the way is followed everywhere.
        """
        step = source[-1]
        moved: Step = []
        target.append(moved)
        order: list[Change] = []
        at = -1 if backwards else 0
        problem = ""
        while step and not problem:
            problem = await self._restore(step[at], backwards=backwards)
            if not problem:
                change = step.pop(at)
                order.append(change)
                moved.insert(0 if backwards else len(moved), change)
        if not step:
            source.pop()
        if not moved:
            target.pop()
        return order, problem

    async def _restore(self, change: Change, *, backwards: bool) -> str:
        """Make an object what it was on one side of a change; returns what went wrong, or nothing."""
        call = restoring(change, backwards=backwards)
        try:
            result = await self.tools.call(call.tool, call.arguments, participant_id=self.participant_id)
        except ToolServerError as error:
            return str(error)
        value = result.value if isinstance(result.value, Mapping) else {}
        if result.is_refusal:
            return str(value.get("error") or value.get("reason") or "the renderer refused")
        new_id = value.get("id") or value.get("new_id")
        if new_id:
            self.history.renamed(call.restores or change.object_id, str(new_id))
        return ""
