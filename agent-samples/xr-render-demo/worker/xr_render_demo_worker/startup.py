"""Waiting for the peers: all at once, with a deadline, naming who is missing."""

import asyncio
import logging
from collections.abc import Mapping

from xr_ai_models import ModelService
from xr_ai_program import Readiness, StartupError
from xr_render_demo_worker.toolbox import ToolBox

__all__ = ("wait_for_peers",)

logger = logging.getLogger(__name__)

_POLL_FIRST_S = 0.1
_POLL_MAX_S = 1.0


async def wait_for_peers(
    models: Mapping[str, ModelService], tools: ToolBox, readiness: Readiness, *, timeout_s: float
) -> None:
    """Return once every model is healthy and every tool server has listed its tools.

    Raises:
        StartupError: the deadline passed; the message names who is missing and why.
    """
    missing = {f"{name} (model)" for name in models} | {f"{name} (tools)" for name in tools.servers}

    def arrived(name: str) -> None:
        missing.discard(name)
        if missing:
            readiness.status(f"waiting for {', '.join(sorted(missing))}")

    async def model(name: str, service: ModelService) -> None:
        delay = _POLL_FIRST_S
        while not await service.health():
            await asyncio.sleep(delay)
            delay = min(delay * 2, _POLL_MAX_S)
        arrived(f"{name} (model)")

    async def tool_server(name: str) -> None:
        await tools.servers[name].wait_connected()
        arrived(f"{name} (tools)")

    readiness.status(f"waiting for {', '.join(sorted(missing))}")
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            for name, service in models.items():
                group.create_task(model(name, service))
            for name in tools.servers:
                group.create_task(tool_server(name))
    except TimeoutError as error:
        reasons = f" Tool servers: {'; '.join(tools.missing())}." if tools.missing() else ""
        raise StartupError(
            f"not everybody answered within {timeout_s:g} s; missing: {', '.join(sorted(missing))}.{reasons} "
            "Look at their own logs, or raise startup_timeout."
        ) from error
    logger.info("all peers answer: %d models, %d tool servers", len(models), len(tools.servers))
