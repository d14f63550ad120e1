"""What was changed in one participant's scene, turn by turn, and what of it was taken back."""

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from xr_render_demo_worker.scene import Change, SceneObject

__all__ = ("History", "Kind", "RestoringCall", "Step", "restoring")

Step: TypeAlias = list[Change]
"""What one turn changed: each object once, in an order in which it can be done again."""

_MAX_STEPS = 20
_MAX_MOVES = 5
# "The red cube" is also one of a shade of red.
_SAME_COLOR_WITHIN = 0.25


def _steps() -> deque[Step]:
    return deque(maxlen=_MAX_STEPS)


@dataclass(frozen=True)
class Kind:
    """What somebody says of an object that is gone; what was not said is None, and fits all."""

    shape: str | None = None
    color: tuple[float, float, float] | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Kind":
        """Read the arguments ``prim_type`` and ``r, g, b`` of a tool call."""
        has_color = all(arguments.get(part) is not None for part in "rgb")
        color = (float(arguments["r"]), float(arguments["g"]), float(arguments["b"])) if has_color else None
        return cls(arguments.get("prim_type") or None, color)

    @property
    def is_said(self) -> bool:
        """Whether anything was said."""
        return self != Kind()

    def fits(self, item: SceneObject) -> bool:
        """Whether an object is like that."""
        if self.shape is not None and item["type"] != self.shape:
            return False
        if self.color is None:
            return True
        return math.dist(self.color, [item["color"][part] for part in "rgb"]) <= _SAME_COLOR_WITHIN


@dataclass
class History:
    """The steps that can be undone and those that can be redone, newest last."""

    done: deque[Step] = field(default_factory=_steps)
    undone: deque[Step] = field(default_factory=_steps)
    has_forgotten: bool = False
    """Whether there were more steps than are kept."""
    _undone_at_once: list[int] = field(default_factory=list)

    def record(self, changes: Sequence[Change]) -> None:
        """Append what one turn changed; what had been undone before cannot be redone after it."""
        if changes:
            self.has_forgotten = self.has_forgotten or len(self.done) == _MAX_STEPS
            self.done.append(list(changes))
            self.undone.clear()
            self._undone_at_once.clear()

    def undid_an_addition(self, kind: Kind) -> bool:
        """Whether the last undo took something like that out: who wants it back wants that again."""
        return bool(self.undone) and any(
            change.before is None and change.after is not None and kind.fits(change.after) for change in self.undone[-1]
        )

    def note_undone(self, steps: int) -> None:
        """Remember that so many steps were taken back by one request: the next redo is for all of them."""
        if steps:
            self._undone_at_once.append(steps)

    def take_redo(self) -> int:
        """Return how many steps the next redo is for, as many as the undo before took back, and forget it."""
        return self._undone_at_once.pop() if self._undone_at_once else 1

    def gone(self, present: Collection[str], *, everything: bool, kind: Kind = Kind()) -> list[SceneObject]:
        """Return what was removed last and is not there again, in the order in which it was in the scene.

        With ``everything`` that is what a whole row of removals took: "delete the cube", "delete the ball". What is
        asked for by its ``kind`` is found however long ago it was removed.
        """
        found: list[SceneObject] = []
        for step in reversed(self.done):
            # Within a step removals stand newest first.
            removed = [change.before for change in reversed(step) if change.before and change.after is None]
            if found and len(removed) < len(step) and not kind.is_said:
                break
            known = {*present, *(item["id"] for item in found)}  # one may have been removed more than once
            found = [item for item in removed if item["id"] not in known and kind.fits(item)] + found
            if found and not everything:
                break
        return found[-1:] if kind.is_said and not everything else found

    def recent_moves(self) -> list[dict[str, Any]]:
        """Return the last moves, oldest first, as the context section writes them."""
        moves = [change for step in self.done for change in step if change.is_move]
        return [
            {"id": change.object_id, "before": change.before["position"], "after": change.after["position"]}
            for change in moves[-_MAX_MOVES:]
            if change.before and change.after
        ]

    def last_changed(self) -> list[str]:
        """Return the ids of the objects that the newest step left in the scene."""
        return [change.object_id for change in self.done[-1] if change.after] if self.done else []

    def renamed(self, old_id: str, new_id: str) -> None:
        """Follow an object that came back under another id."""
        for step in (*self.done, *self.undone):
            step[:] = [
                replace(
                    change, before=_with_id(change.before, old_id, new_id), after=_with_id(change.after, old_id, new_id)
                )
                for change in step
            ]


@dataclass(frozen=True)
class RestoringCall:
    """A tool call that makes an object what it should be; ``restores`` is the id of the one that an add brings back."""

    tool: str
    arguments: dict[str, Any]
    restores: str | None = None


def restoring(change: Change, *, backwards: bool) -> RestoringCall:
    """Return the call that takes a change back, or makes it again."""
    now, wanted = (change.after, change.before) if backwards else (change.before, change.after)
    if wanted is None:
        return RestoringCall("remove_primitive", {"obj_id": change.object_id})
    fields = {**wanted["position"], **wanted["color"], "size": wanted["size"]}
    if now is None:
        return RestoringCall("add_primitive", {"prim_type": wanted["type"], **fields}, restores=str(wanted["id"]))
    if now["type"] != wanted["type"]:
        fields["prim_type"] = wanted["type"]
    return RestoringCall("update_primitive", {"obj_id": str(now["id"]), **fields})


def _with_id(item: SceneObject | None, old_id: str, new_id: str) -> SceneObject | None:
    if item is None or item["id"] != old_id:
        return item
    return {**item, "id": new_id}
