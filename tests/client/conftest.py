"""A LiveKit server alone, and a hub with a certificate of its own and a code."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from kit.agents import endpoint_of, running
from kit.hub import HubProcess
from kit.livekit import LiveKitServer
from kit.processes import own_port

from xr_ai_agent import ProcessorEndpoint
from xr_ai_client import MAX_DATA_BYTES


@pytest.fixture(scope="session")
def media_server(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path) -> Iterator[LiveKitServer]:
    ports = {"port": own_port(), "udp_port": own_port()}
    key = {"key": "test-key", "secret": secrets.token_hex(32)}
    server = LiveKitServer(livekit_binary, tmp_path_factory.mktemp("livekit"), **ports, **key, makes_rooms=True)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def hub(make_hub: Callable[..., HubProcess]) -> HubProcess:
    return make_hub(web_server_tls=True, join_code="sesame", max_data_bytes=MAX_DATA_BYTES).start().wait_ready()


@pytest.fixture
async def agent(hub: HubProcess) -> AsyncIterator[ProcessorEndpoint]:
    endpoint = endpoint_of(hub)
    async with running(endpoint):
        await endpoint.wait_connected()
        yield endpoint
