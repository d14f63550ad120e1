"""What every tool server shares: an application with ``/mcp`` and ``/health``, strict arguments, whom a call means.

::

    async def serve(config: VecConfig, readiness: Readiness) -> None:
        await serve_tools(tool_app("vec-mcp", VECTOR_TOOLS, config), config, readiness)

A caller names the participant it means in the request's ``_meta``: ``{"participant_id": "alice"}``.
"""

import asyncio
import functools
import inspect
import os
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from xr_ai_program._readiness import Readiness
from xr_ai_program.http import serve_http

__all__ = (
    "DEFAULT_PARTICIPANT",
    "Context",
    "Participants",
    "ToolServerConfig",
    "frames_dir",
    "named_participant",
    "serve_tools",
    "tool_app",
)

DEFAULT_PARTICIPANT = "default"
"""Whom a call means when it names nobody and nobody is connected."""

_META_KEY = "participant_id"
_MAX_ID_CHARS = 64  # what the hub admits
_RUN_DIR_ENV = "XR_RUN_DIR"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_ANY_ADDRESS = ("0.0.0.0", "::")


class ToolServerConfig(BaseModel):
    """The keys that every tool server has."""

    host: str = Field("127.0.0.1", description="Address to listen on. Tools have no login: keep it on loopback.")
    port: int = Field(ge=1, le=65535, description="TCP port; the tools are at http://HOST:PORT/mcp.")
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Further names that callers reach this server by; any other Host header is refused "
        "(it is how a web page attacks a local server).",
    )


def tool_app(
    name: str,
    tools: Iterable[Callable[..., Any]],
    config: ToolServerConfig,
    *,
    health: Callable[[], dict[str, Any]] = dict,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """Return an application that serves ``tools`` at ``/mcp`` and ``{"status": "ok", **health()}`` at ``/health``.

    A tool's signature is its schema and its docstring its description. Arguments it does not know, and numbers that
    are not finite, are refused. Plain functions run on the event loop: what takes time belongs in a coroutine.
    """

    async def get_health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", **health()})

    server = MCPServer(name, tools=[_strict(tool) for tool in tools])
    # Tools answer once and never push: plain JSON replies spare every call an event stream.
    app = server.streamable_http_app(json_response=True, transport_security=_security(config))
    app.router.routes.extend([Route("/health", get_health), *routes])
    return app


async def serve_tools(
    app: Starlette,
    config: ToolServerConfig,
    readiness: Readiness,
    *,
    beside: Iterable[Coroutine[Any, Any, None]] = (),
) -> None:
    """Serve until cancelled, with ``beside`` running along (a hub connection, say); if one of them ends, so does all.

    Raises:
        StartupError: the port cannot be bound.
    """
    text = f"tools at http://{config.host}:{config.port}/mcp"
    jobs = [serve_http(app, config.host, config.port, readiness, ready_text=text), *beside]
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def named_participant(ctx: Context[Any, Any]) -> str | None:
    """Return the participant that the call names in its ``_meta``, or None.

    Raises:
        ToolError: something is named that cannot be a participant.
    """
    value = (ctx.request_context.meta or {}).get(_META_KEY)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID_CHARS:
        raise ToolError(
            f"_meta.{_META_KEY} must be a participant's id (1 to {_MAX_ID_CHARS} characters): {value!r:.80}"
        )
    return value


class Participants:
    """Who is connected, and whom a call means that names nobody."""

    def __init__(self, default: str | None = None) -> None:
        self._default = default
        self._connected: dict[str, None] = {}

    @property
    def connected(self) -> tuple[str, ...]:
        """Everybody connected, in the order of joining."""
        return tuple(self._connected)

    def joined(self, participant_id: str) -> bool:
        """Note a join; False when it was known already (hubs repeat their roster)."""
        is_new = participant_id not in self._connected
        self._connected.setdefault(participant_id)
        return is_new

    def left(self, participant_id: str) -> None:
        """Note that somebody is gone."""
        self._connected.pop(participant_id, None)

    def meant_by(self, ctx: Context[Any, Any]) -> str:
        """Return the participant a call is about: the one it names, the configured one, else the last who joined."""
        named = named_participant(ctx) or self._default
        return named or next(reversed(self._connected), DEFAULT_PARTICIPANT)


def frames_dir() -> Path:
    """Folder in which tool servers hand pictures to each other: ``frames`` of the run, else this user's under /tmp."""
    run_dir = os.environ.get(_RUN_DIR_ENV)
    return Path(run_dir) / "frames" if run_dir else Path(tempfile.gettempdir()) / f"xr_frames_{os.getuid()}"


class _StrictArguments(ArgModelBase):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _strict(function: Callable[..., Any]) -> Tool:
    tool = Tool.from_function(_on_event_loop(function))
    arguments = tool.fn_metadata.arg_model
    strict = create_model(arguments.__name__, __base__=(_StrictArguments, arguments))
    tool.fn_metadata.arg_model = strict
    tool.parameters = strict.model_json_schema(by_alias=True)
    return tool


def _on_event_loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """The MCP library sends plain functions to a thread pool, which would cost more than most of ours take."""
    if inspect.iscoroutinefunction(function):
        return function

    @functools.wraps(function)
    async def called(**arguments: Any) -> Any:
        return function(**arguments)

    return called


def _security(config: ToolServerConfig) -> TransportSecuritySettings:
    names = [*_LOOPBACK_NAMES, *config.allowed_hosts]
    if config.host in _ANY_ADDRESS:
        names.append(socket.gethostname())
    else:
        names.append(f"[{config.host}]" if ":" in config.host else config.host)
    hosts = [form for name in dict.fromkeys(names) for form in (name, f"{name}:*")]
    return TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    )
