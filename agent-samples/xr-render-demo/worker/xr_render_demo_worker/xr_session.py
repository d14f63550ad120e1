"""From "a headset session began" to "the renderer runs": start, watch, tell the page."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xr_render_demo_worker._errors import ToolServerError
from xr_render_demo_worker.outbox import Outbox
from xr_render_demo_worker.tool_server import ToolServer

__all__ = ("XrStarter",)

logger = logging.getLogger(__name__)

_POLL_S = 0.5
_CALL_TIMEOUT_S = 10.0


@dataclass
class XrStarter:
    """Starts the renderer; nothing is latched, so a renderer that died is started again on the next session."""

    renderer: ToolServer
    timeout_s: float
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, outbox: Outbox) -> None:
        """Start XR for a participant and send ``render.ready`` or ``render.failed`` with the reason."""
        async with self._lock:
            reason = await self._start(outbox.participant_id)
        if reason:
            logger.error("%s: the renderer did not start: %s", outbox.participant_id, reason)
            await outbox.render_failed(reason)
        else:
            await outbox.render_ready()

    async def _start(self, participant_id: str) -> str:
        """Return why the renderer does not run, or nothing."""
        try:
            answer = await self._call("start_xr", participant_id)
            if answer.get("status") == "error" or answer.get("error"):
                return str(answer.get("error") or "the renderer refused to start")
            async with asyncio.timeout(self.timeout_s):
                return await self._until_started(participant_id)
        except ToolServerError as error:
            return str(error)
        except TimeoutError:
            return f"the renderer did not start within {self.timeout_s:g} s"

    async def _until_started(self, participant_id: str) -> str:
        while True:
            health = await self._call("get_health", participant_id)
            if health.get("spawn_error"):
                return str(health["spawn_error"])
            if health.get("lovr_started"):
                return ""
            await asyncio.sleep(_POLL_S)

    async def _call(self, tool: str, participant_id: str) -> Mapping[str, Any]:
        result = await self.renderer.call(tool, {}, participant_id=participant_id, timeout_s=_CALL_TIMEOUT_S)
        if result.failed or not isinstance(result.value, Mapping):
            raise ToolServerError(f"{tool}: {result.text[:200]}")
        return result.value
