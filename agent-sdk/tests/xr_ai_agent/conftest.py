"""A real hub on real sockets in a temporary directory, with endpoints that close themselves."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from xr_ai_agent import ConnectorEndpoint, HubEndpoint, ProcessorEndpoint

# Any wait in these tests; a state that is not there by then will not come.
DEADLINE_S = 5.0


async def eventually(condition: Callable[[], Any], what: str = "", deadline_s: float = DEADLINE_S) -> None:
    """Wait for a state."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what or condition}")
        await asyncio.sleep(0.002)


class Stage:
    """Starts hubs, agents and connectors on one pair of addresses and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.pull = f"ipc://{folder}/in"
        self.pub = f"ipc://{folder}/pub"
        self._endpoints: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    def hub(self, **options: Any) -> HubEndpoint:
        return self.start(HubEndpoint(self.pull, self.pub, **options))

    async def agent(self, **options: Any) -> ProcessorEndpoint:
        agent = self.start(ProcessorEndpoint(self.pub, self.pull, **options))
        async with asyncio.timeout(DEADLINE_S):
            await agent.wait_connected()
        return agent

    async def connector(self, connector_id: str = "c1", **options: Any) -> ConnectorEndpoint:
        options = {"num_slots": 4, "max_frame_bytes": 65_536, **options}
        connector = self.start(ConnectorEndpoint(self.pull, self.pub, connector_id, **options))
        await connector.register()
        async with asyncio.timeout(DEADLINE_S):
            await connector.wait_connected()
        return connector

    def start(self, endpoint: Any) -> Any:
        self._endpoints.append(endpoint)
        self._tasks.append(asyncio.create_task(endpoint.run()))
        return endpoint

    async def close(self) -> None:
        for endpoint in reversed(self._endpoints):
            endpoint.close()
        await asyncio.gather(*self._tasks)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.close()


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[None]]:
    return eventually


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
