"""A real hub on real sockets in a temporary directory, with endpoints that close themselves."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from xr_ai_agent import (
    AddressInUseError,
    ConnectorEndpoint,
    CurveKeys,
    HubEndpoint,
    ProcessorEndpoint,
    RemoteAccess,
    create_key_pair,
)
from xr_ai_program.testing import eventually

DEADLINE_S = 20.0

# A machine that is busy with other things makes no example wrong.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


class Stage:
    """Starts hubs, agents and connectors on one pair of addresses and ends them all."""

    def __init__(self, folder: Path) -> None:
        self.pull = f"ipc://{folder}/in"
        self.pub = f"ipc://{folder}/pub"
        self._endpoints: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    def hub(self, **options: Any) -> HubEndpoint:
        return self.start(HubEndpoint(self.pull, self.pub, **options))

    def hub_on_tcp(self) -> HubEndpoint:
        """A hub on ports of this machine, which become the stage's addresses."""
        while True:
            with socket.socket() as pull, socket.socket() as pub:
                for probe in (pull, pub):
                    probe.bind(("127.0.0.1", 0))
                self.pull, self.pub = (f"tcp://127.0.0.1:{probe.getsockname()[1]}" for probe in (pull, pub))
            with contextlib.suppress(AddressInUseError):  # somebody was faster
                return self.hub()

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


class Access:
    """A hub's door to other machines, and keys to it."""

    def __init__(self, folder: Path) -> None:
        keys = folder / "clients"
        keys.mkdir()
        self.settings = RemoteAccess(folder / "hub" / "hub.key_secret", keys, host="127.0.0.1", port=0)

    def admit(self, name: str) -> CurveKeys:
        """Make a key pair elsewhere and lay its public half into the hub's folder, as its owner would."""
        elsewhere = self.settings.client_keys.parent / "elsewhere"
        public = create_key_pair(elsewhere / f"{name}.key_secret")
        (self.settings.client_keys / public.name).write_bytes(public.read_bytes())
        return CurveKeys(elsewhere / f"{name}.key_secret", self.settings.server_key.with_suffix(".key"))

    def connector(self, hub: HubEndpoint, name: str, **options: Any) -> ConnectorEndpoint:
        """Return a connector as on another machine."""
        assert hub.remote_addresses is not None
        addresses = hub.remote_addresses.pull, hub.remote_addresses.pub
        return ConnectorEndpoint(*addresses, name, keys=self.admit(name), **options)


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.close()


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[None]]:
    return eventually


@pytest.fixture
async def hub(stage):
    """A hub that no other test uses."""
    return stage.hub()


@pytest.fixture
async def connector(hub):
    """A connector in its process, through which alice is here."""
    connector = hub.connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    return connector
