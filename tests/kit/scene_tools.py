"""The demo's scene tools as an MCP server of the test's own, with ways to fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from xr_ai_program import Readiness
from xr_ai_program.http import serve_http
from xr_ai_program.mcp import Context, Participants, ToolServerConfig, tool_app

__all__ = ("SceneTools", "mcp_server")

_DEADLINE_S = 30.0


class SceneTools:
    """The scene tools' contract over plain dictionaries, one scene per participant, with ways to fail."""

    def __init__(self) -> None:
        self.scenes: dict[str, dict[str, dict[str, Any]]] = {}
        self.calls: list[tuple[str, str]] = []
        self.counts: dict[str, int] = {}
        self.broken: dict[str, Any] = {}
        self.blocked: dict[str, asyncio.Event] = {}
        self.health: dict[str, Any] = {"status": "ok", "lovr_started": True, "spawn_error": None}

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.add_primitive,
            self.update_primitive,
            self.remove_primitive,
            self.get_scene_state,
            self.start_xr,
            self.get_health,
            self.get_head_pose,
            self.position_ahead,
        ]

    def objects(self, participant: str) -> list[dict[str, Any]]:
        return list(self.scenes.get(participant, {}).values())

    async def _enter(self, ctx: Context, tool: str) -> tuple[dict[str, dict[str, Any]], Any]:
        who = Participants().meant_by(ctx)
        self.calls.append((who, tool))
        if tool in self.blocked:
            await self.blocked[tool].wait()
        return self.scenes.setdefault(who, {}), self.broken.get(tool)

    async def add_primitive(
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
        """Add an object."""
        scene, broken = await self._enter(ctx, "add_primitive")
        if broken is not None:
            return dict(broken)
        number = self.counts[prim_type] = self.counts.get(prim_type, -1) + 1
        object_id = f"{prim_type}-{number}"
        scene[object_id] = {
            "id": object_id,
            "type": prim_type,
            "position": {"x": x, "y": y, "z": z},
            "color": {"r": r, "g": g, "b": b},
            "size": size,
        }
        return {"ok": True, "id": object_id}

    async def update_primitive(
        self,
        ctx: Context,
        obj_id: str,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
        r: float | None = None,
        g: float | None = None,
        b: float | None = None,
        size: float | None = None,
    ) -> dict[str, Any]:
        """Change an object."""
        scene, broken = await self._enter(ctx, "update_primitive")
        if broken is not None:
            return dict(broken)
        if obj_id not in scene:
            return {"ok": False, "reason": "not_found"}
        item = scene[obj_id]
        item["position"] |= {k: v for k, v in {"x": x, "y": y, "z": z}.items() if v is not None}
        item["color"] |= {k: v for k, v in {"r": r, "g": g, "b": b}.items() if v is not None}
        item["size"] = item["size"] if size is None else size
        return {"ok": True}

    async def remove_primitive(self, ctx: Context, obj_id: str) -> dict[str, Any]:
        """Delete an object."""
        scene, broken = await self._enter(ctx, "remove_primitive")
        if broken is not None:
            return dict(broken)
        return {"ok": True} if scene.pop(obj_id, None) else {"ok": False, "reason": "not_found"}

    async def get_scene_state(self, ctx: Context) -> dict[str, Any]:
        """List the objects."""
        scene, broken = await self._enter(ctx, "get_scene_state")
        return dict(broken) if broken is not None else {"objects": list(scene.values())}

    async def start_xr(self, ctx: Context) -> dict[str, Any]:
        """Start."""
        _, broken = await self._enter(ctx, "start_xr")
        return dict(broken) if broken is not None else {"status": "starting"}

    async def get_health(self, ctx: Context) -> dict[str, Any]:
        """Health."""
        await self._enter(ctx, "get_health")
        return self.health

    async def get_head_pose(self, ctx: Context) -> dict[str, Any]:
        """Pose."""
        await self._enter(ctx, "get_head_pose")
        return {"is_valid": True, "position": {"x": 0.0, "y": 1.6, "z": 0.0}}

    async def position_ahead(self, ctx: Context, distance: float = 1.5) -> dict[str, Any]:
        """Ahead."""
        await self._enter(ctx, "position_ahead")
        return {"x": 0.0, "y": 1.6, "z": -distance}


@asynccontextmanager
async def mcp_server(tools: SceneTools, port: int) -> AsyncIterator[None]:
    """Serve the tools over MCP until the block ends."""

    class Started(Readiness):
        def ready(self, text: str = "") -> None:
            started.set()

    started = asyncio.Event()
    app = tool_app("render-mcp", tools.all(), ToolServerConfig(port=port))
    task = asyncio.ensure_future(serve_http(app, "127.0.0.1", port, Started(notify_socket="")))
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await started.wait()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
