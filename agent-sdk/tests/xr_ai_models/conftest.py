"""Fixtures of the models SDK's tests."""

from collections.abc import AsyncIterator

import pytest

from xr_ai_models.testing import ScriptedServer, scripted_server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as running:
        yield running
