"""Fixtures of the models SDK's tests."""

from collections.abc import AsyncIterator

import pytest

from xr_ai_models.testing import ScriptedServer, scripted_server


@pytest.fixture(scope="session")
async def _shared_server(anyio_backend: str) -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as running:
        yield running


@pytest.fixture
def server(_shared_server: ScriptedServer) -> ScriptedServer:
    """One server for all tests: starting one takes longer than most of them."""
    _shared_server.requests.clear()
    _shared_server.scripts_health = False
    return _shared_server
