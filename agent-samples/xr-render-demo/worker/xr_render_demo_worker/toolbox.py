"""Every tool that the language model may use, wherever it lives, behind one call."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from xr_ai_models import ToolDef
from xr_render_demo_worker._errors import ToolServerError
from xr_render_demo_worker.tool_server import ToolResult, ToolServer

__all__ = ("MUTATING_TOOLS", "LocalHandler", "LocalTool", "ToolBox", "parse_arguments")

logger = logging.getLogger(__name__)

# The worker calls these itself: starting XR and asking for health are no business of the model.
_HIDDEN_TOOLS = frozenset({"start_xr", "get_health"})
MUTATING_TOOLS = frozenset({"add_primitive", "update_primitive", "remove_primitive"})
_GROUPS = {"position": ("x", "y", "z"), "color": ("r", "g", "b")}
# A cancellation is answered at once; one that was swallowed is not worth more patience.
_CANCEL_AGAIN_S = 0.5

LocalHandler: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class LocalTool:
    """A tool that the worker answers itself."""

    definition: ToolDef
    handle: LocalHandler


@dataclass
class ToolBox:
    """The tool servers by role name, and how long one call may take."""

    servers: Mapping[str, ToolServer]
    timeout_s: float
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin to connect to every server."""
        self._tasks = [asyncio.create_task(server.run(), name=f"mcp-{server.name}") for server in self.servers.values()]

    async def close(self) -> None:
        """Drop the connections."""
        pending = set(self._tasks)
        while pending:
            # Asked again: the MCP client's cancel scopes swallow a cancellation that meets a failing connection.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)

    def definitions(self, local: Sequence[LocalTool] = ()) -> list[ToolDef]:
        """Return what the model is offered now: the servers' tools and the local ones."""
        listed = [tool for server in self.servers.values() for tool in server.tools.values()]
        return [tool for tool in listed if tool.name not in _HIDDEN_TOOLS] + [tool.definition for tool in local]

    def missing(self) -> list[str]:
        """Return the names of the servers that are not connected, each with the reason."""
        return [f"{s.name} ({s.last_error})" for s in self.servers.values() if not s.is_connected]

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, participant_id: str, timeout_s: float | None = None
    ) -> ToolResult:
        """Call a server's tool.

        Raises:
            ToolServerError: no connected server offers the tool, or its server cannot answer.
        """
        server = next((server for server in self.servers.values() if name in server.tools), None)
        if server is None:
            gone = "; not connected: " + ", ".join(self.missing()) if self.missing() else ""
            raise ToolServerError(f"no server offers the tool {name!r}{gone}")
        return await server.call(
            name, arguments, participant_id=participant_id, timeout_s=self.timeout_s if timeout_s is None else timeout_s
        )

    async def answer(
        self, name: str, arguments: str, *, participant_id: str, local: Sequence[LocalTool] = ()
    ) -> ToolResult:
        """Run a call as the model wrote it; what is wrong with it is answered, so that the model can repair it."""
        definitions = {tool.name: tool for tool in self.definitions(local)}
        if name not in definitions:
            return _error(f"unknown tool {name!r}; available: {', '.join(sorted(definitions))}")
        try:
            checked = parse_arguments(arguments, definitions[name].parameters)
        except ValueError as error:
            return _error(f"{name}: {error}")
        handler = next((tool.handle for tool in local if tool.definition.name == name), None)
        if handler is not None:
            return ToolResult(await handler(checked))
        try:
            return await self.call(name, checked, participant_id=participant_id)
        except ToolServerError as error:
            logger.warning("%s: %s", participant_id, error)
            return _error(str(error))


def parse_arguments(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, in the shape that its schema names.

    ``position: {x, y, z}`` and ``color: {r, g, b}`` are flattened where the tool takes the components; null and empty
    values count as not given: models often write them so.

    Raises:
        ValueError: not a JSON object, a required argument is missing, or an argument is unknown.
    """
    try:
        arguments = json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"the arguments are not valid JSON ({error}); send one JSON object") from error
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments must be a JSON object, not {type(arguments).__name__}")
    properties: Mapping[str, Any] = schema.get("properties") or {}
    flat = _flattened(arguments, properties)
    given = {key: value for key, value in flat.items() if value is not None and value != ""}
    unknown = sorted(set(given) - set(properties))
    if unknown:
        raise ValueError(f"unknown argument {', '.join(unknown)}; known: {', '.join(properties) or 'none'}")
    absent = [key for key in schema.get("required") or () if key not in given]
    if absent:
        raise ValueError(f"missing argument {', '.join(absent)}")
    return given


def _flattened(arguments: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    flat = dict(arguments)
    for group, components in _GROUPS.items():
        nested = flat.get(group)
        if group not in properties and isinstance(nested, dict) and set(nested) <= set(components):
            del flat[group]
            flat = {**nested, **flat}
    return flat


def _error(message: str) -> ToolResult:
    return ToolResult({"error": message}, failed=True)
