"""What is remembered of one participant: the last turns, the last moves, and how to take changes back."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xr_render_demo_worker.scene import Change, SceneObject

__all__ = ("Memory", "ReverseCall", "Turn")

_MAX_TURNS = 4
_MAX_MOVES = 5
_MAX_UNDO_STEPS = 20


@dataclass(frozen=True)
class Turn:
    """A request and what was answered."""

    request: str
    reply: str


@dataclass(frozen=True)
class ReverseCall:
    """A tool call that takes a change back; ``restores`` is the id of the object that an add brings back."""

    tool: str
    arguments: dict[str, Any]
    restores: str | None = None


@dataclass
class Memory:
    """Bounded in every direction, so that a day of talking costs no more than an hour."""

    turns: deque[Turn] = field(default_factory=lambda: deque(maxlen=_MAX_TURNS))
    _steps: deque[list[Change]] = field(default_factory=lambda: deque(maxlen=_MAX_UNDO_STEPS))

    def remember(self, request: str, reply: str) -> None:
        """Append a finished (or interrupted) turn."""
        self.turns.append(Turn(request, reply))

    def record(self, changes: Sequence[Change]) -> None:
        """Append what one turn changed as one step that can be undone."""
        if changes:
            self._steps.append(list(changes))

    def recent_moves(self) -> list[dict[str, Any]]:
        """Return the last moves, oldest first, as the context section writes them."""
        moves = [change for step in self._steps for change in step if change.is_move]
        return [
            {"id": change.object_id, "before": change.before["position"], "after": change.after["position"]}
            for change in moves[-_MAX_MOVES:]
            if change.before and change.after
        ]

    @property
    def undo_steps(self) -> int:
        """How many turns can be taken back."""
        return len(self._steps)

    def take_last_step(self) -> list[Change]:
        """Remove and return the newest step; empty when there is none. What undoes it is not logged again."""
        return self._steps.pop() if self._steps else []

    def put_back(self, step: Sequence[Change]) -> None:
        """Return the part of a step that could not be undone."""
        self.record(step)

    def renamed(self, old_id: str, new_id: str) -> None:
        """Follow an object that came back under another id."""
        for step in self._steps:
            step[:] = [
                replace(
                    change, before=_with_id(change.before, old_id, new_id), after=_with_id(change.after, old_id, new_id)
                )
                for change in step
            ]

    @staticmethod
    def reverse(change: Change) -> ReverseCall:
        """Return the call that takes one change back."""
        if change.before is None:
            return ReverseCall("remove_primitive", {"obj_id": change.object_id})
        fields = _flat(change.before)
        if change.after is None:
            return ReverseCall(
                "add_primitive", {"prim_type": change.before["type"], **fields}, restores=change.object_id
            )
        return ReverseCall("update_primitive", {"obj_id": change.object_id, **fields})


def _flat(item: SceneObject) -> dict[str, Any]:
    return {**item["position"], **item["color"], "size": item["size"]}


def _with_id(item: SceneObject | None, old_id: str, new_id: str) -> SceneObject | None:
    if item is None or item["id"] != old_id:
        return item
    return {**item, "id": new_id}
