"""What was changed in one participant's scene, turn by turn, and what of it was taken back."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from xr_render_demo_worker.scene import Change, SceneObject

__all__ = ("History", "RestoringCall", "Step", "restoring")

Step: TypeAlias = list[Change]
"""What one turn changed: each object once, in an order in which it can be done again."""

_MAX_STEPS = 20
_MAX_MOVES = 5


def _steps() -> deque[Step]:
    return deque(maxlen=_MAX_STEPS)


@dataclass
class History:
    """The steps that can be undone and those that can be redone, newest last."""

    done: deque[Step] = field(default_factory=_steps)
    undone: deque[Step] = field(default_factory=_steps)

    def record(self, changes: Sequence[Change]) -> None:
        """Append what one turn changed; what had been undone before cannot be redone after it."""
        if changes:
            self.done.append(list(changes))
            self.undone.clear()

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
