"""The six tools of the contract, over a scene store and a renderer."""

from collections.abc import Callable, Sequence
from typing import Any

from render_mcp._renderer import Renderer
from render_mcp._scene import Operation, SceneError, SceneStore
from xr_ai_program.mcp import Context, Participants

_Change = tuple[dict[str, Any], Sequence[Operation]]


class SceneTools:
    """Each tool acts on the scene of the participant that the call means.

    ``ok: true`` says that the store took the change: whoever looks, now or later, sees it.
    """

    def __init__(self, scenes: SceneStore, renderer: Renderer, participants: Participants) -> None:
        self._scenes = scenes
        self._renderer = renderer
        self._participants = participants

    def all(self) -> list[Callable[..., Any]]:
        """Return the contract's tools."""
        return [
            self.start_xr,
            self.add_primitive,
            self.update_primitive,
            self.remove_primitive,
            self.get_scene_state,
            self.get_health,
        ]

    def start_xr(self, ctx: Context) -> dict[str, Any]:
        """Begin showing the scene; returns at once with status already_started, starting or error."""
        return self._renderer.start(self._participants.meant_by(ctx))

    def add_primitive(
        self,
        ctx: Context,
        prim_type: str,
        x: float = 0,
        y: float = 1.6,
        z: float = -1.5,
        r: float = 0.2,
        g: float = 0.9,
        b: float = 1.0,
        size: float = 0.1,
    ) -> dict[str, Any]:
        """Put a new object into the scene; returns its id. Types: box (cube), sphere (ball).

        x, y, z: centre in metres (+x right, +y up, -z forward, floor at y = 0). r, g, b: colour, each 0 to 1.
        size: half the edge of a box, or the radius of a sphere, in metres.
        """
        participant_id = self._participants.meant_by(ctx)
        scene = self._scenes.scene_of(participant_id)

        def add() -> _Change:
            made, operations = scene.add(prim_type, (x, y, z), (r, g, b), size)
            return {"id": made.id}, operations

        return self._changed(participant_id, add)

    def update_primitive(
        self,
        ctx: Context,
        obj_id: str,
        prim_type: str | None = None,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
        r: float | None = None,
        g: float | None = None,
        b: float | None = None,
        size: float | None = None,
    ) -> dict[str, Any]:
        """Change an object; only what is given changes. The id stays, whatever changes.

        A move gives x, y and z. The reply to a change of type repeats the id as new_id.
        """
        participant_id = self._participants.meant_by(ctx)
        scene = self._scenes.scene_of(participant_id)

        def update() -> _Change:
            operations = scene.update(
                obj_id, prim_type=prim_type, position=_given(x=x, y=y, z=z), color=_given(r=r, g=g, b=b), size=size
            )
            is_new_type = any(name == "scene.add" for name, _ in operations)
            return ({"new_id": obj_id} if is_new_type else {}), operations

        return self._changed(participant_id, update)

    def remove_primitive(self, ctx: Context, obj_id: str) -> dict[str, Any]:
        """Delete an object from the scene."""
        participant_id = self._participants.meant_by(ctx)
        scene = self._scenes.scene_of(participant_id)
        return self._changed(participant_id, lambda: ({}, scene.remove(obj_id)))

    def get_scene_state(self, ctx: Context) -> dict[str, Any]:
        """List every object in the scene with its id, type, position, colour and size."""
        return {"objects": [item.state() for item in self._scenes.scene_of(self._participants.meant_by(ctx))]}

    def get_health(self, ctx: Context) -> dict[str, Any]:
        """Say whether the scene can be seen; for programs."""
        participant_id = self._participants.meant_by(ctx)
        facts = {
            "renderer": self._renderer.name,
            "participant_id": participant_id,
            "objects": len(self._scenes.scene_of(participant_id)),
        }
        return {"status": "ok", **self._renderer.health(participant_id), **facts}

    def _changed(self, participant_id: str, change: Callable[[], _Change]) -> dict[str, Any]:
        try:
            facts, operations = change()
        except SceneError as error:
            return {"ok": False, "reason": error.reason, "error": str(error)}
        self._renderer.apply(participant_id, operations)
        return {"ok": True, **facts}


def _given(**parts: float | None) -> dict[str, float] | None:
    return {name: value for name, value in parts.items() if value is not None} or None
