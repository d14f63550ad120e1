"""One MCP server kept connected: late starts and restarts are survived, and every wait is bounded."""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xr_ai_models import ToolDef
from xr_render_demo_worker._errors import ToolServerError

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

__all__ = ("ToolResult", "ToolServer")

logger = logging.getLogger(__name__)

_RETRY_FIRST_S = 0.25
_RETRY_MAX_S = 2.0
# Listing the tools is cheap (3 ms) and is what the reference calls a server's health.
_KEEPALIVE_S = 5.0
_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered: ``value`` is the decoded result, ``text`` is what the language model reads."""

    value: Any
    failed: bool = False

    @property
    def text(self) -> str:
        """The result as JSON."""
        return json.dumps(self.value)

    @property
    def is_refusal(self) -> bool:
        """Whether the tool says that it did not do what was asked (`isError`, ``error`` or ``ok: false``)."""
        if self.failed or not isinstance(self.value, Mapping):
            return self.failed
        return bool(self.value.get("error")) or self.value.get("ok") is False


@dataclass
class ToolServer:
    """A connection to ``url`` that `run` keeps; ``tools`` is what the server offered last."""

    name: str
    url: str
    tools: dict[str, ToolDef] = field(default_factory=dict)
    last_error: str = "not tried yet"
    _client: "Client | None" = None
    _connected: asyncio.Event = field(default_factory=asyncio.Event)
    _lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_connected(self) -> bool:
        """Whether the server answered its tool list and the connection stands."""
        return self._connected.is_set()

    async def wait_connected(self) -> None:
        """Return once the server has listed its tools."""
        await self._connected.wait()

    async def run(self) -> None:
        """Connect, and connect again whenever the connection is lost, until cancelled."""
        delay = _RETRY_FIRST_S
        while True:
            try:
                await self._serve_one_connection()
            except Exception as error:
                self.last_error = _root_cause(error)
                was_connected = self.is_connected
                logger.log(logging.WARNING if was_connected else logging.DEBUG, "%s: %s", self.name, self.last_error)
                delay = _RETRY_FIRST_S if was_connected else min(delay * 2, _RETRY_MAX_S)
            finally:
                self._client = None
                self._connected.clear()
                self._lost.set()
            await asyncio.sleep(delay)

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, participant_id: str | None, timeout_s: float
    ) -> ToolResult:
        """Call a tool on behalf of a participant.

        Raises:
            ToolServerError: not connected within ``timeout_s``, no answer within it, or the connection broke.
        """
        meta: Any = {"participant_id": participant_id} if participant_id else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._connected.wait()
                assert self._client is not None
                work = asyncio.ensure_future(self._client.call_tool(tool, dict(arguments), meta=meta))
                return _decode(await self._unless_lost(work))
        except TimeoutError as error:
            reason = "did not answer" if self.is_connected else f"is not reachable ({self.last_error})"
            raise ToolServerError(f"{self.name} {reason} within {timeout_s:g} s (tool {tool})") from error

    async def _serve_one_connection(self) -> None:
        # Imported here: half a second that need not delay the worker's first status line.
        from mcp import Client

        async with Client(self.url, read_timeout_seconds=_CONNECT_TIMEOUT_S) as client:
            await self._list_tools(client)
            self._client = client
            self._lost.clear()
            self._connected.set()
            logger.info("%s: connected, %d tools", self.name, len(self.tools))
            while True:
                await asyncio.sleep(_KEEPALIVE_S)
                await self._list_tools(client)

    async def _list_tools(self, client: "Client") -> None:
        listed = await client.list_tools(cache_mode="refresh")
        self.tools = {tool.name: ToolDef(tool.name, tool.description or "", tool.input_schema) for tool in listed.tools}

    async def _unless_lost(self, work: "asyncio.Future[CallToolResult]") -> "CallToolResult":
        """Return the work's result; a connection that collapses would leave it waiting for ever."""
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            waiting: set[asyncio.Future[Any]] = {work, lost}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ToolServerError(f"{self.name} went away during the call")
            try:
                return work.result()
            except asyncio.CancelledError as error:
                raise ToolServerError(f"{self.name} went away during the call") from error
            except Exception as error:
                raise ToolServerError(f"{self.name}: {_root_cause(error)}") from error
        finally:
            lost.cancel()
            if not work.done():
                work.cancel()
                with suppress(BaseException):
                    await asyncio.wait({work}, timeout=1.0)


def _decode(result: "CallToolResult") -> ToolResult:
    texts = [part.text for part in result.content if part.type == "text"]
    if result.is_error:
        return ToolResult({"error": "\n".join(texts) or "the tool failed without a reason"}, failed=True)
    value = result.structured_content
    if value is None:
        value = _json_or_text("\n".join(texts))
    elif set(value) == {"result"}:
        # Plain values are wrapped on the wire because structured results are objects.
        value = value["result"]
    return ToolResult(value)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _root_cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
