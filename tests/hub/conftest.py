"""Hubs as whoever runs one has set them up, their agents and their participants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.agents import Agent, running_agent
from kit.hub import MAX_DATA_BYTES, SPARE_SECRET, HubProcess, SpareHub, get_json, until_quiet
from kit.livekit import LiveKitServer
from kit.pages import write_pages
from kit.participants import Client
from kit.proxies import AUTHORITY, ReverseProxy, authority_contexts, unverified_tls


@pytest.fixture(scope="session")
def spare_hubs(make_hub: Callable[..., HubProcess]) -> SpareHub:
    return SpareHub(make_hub)


@pytest.fixture
def spare_hub(spare_hubs: SpareHub) -> HubProcess:
    """A hub of its own for a test that harms it."""
    return spare_hubs.take()


@pytest.fixture(scope="session")
def client_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that hubs serve."""
    folder = tmp_path_factory.mktemp("client")
    write_pages(folder)
    return folder


@pytest.fixture(scope="session")
def hub(make_hub: Callable[..., HubProcess], client_dir: Path) -> HubProcess:
    """The hub most tests share: plain http, as behind a TLS proxy."""
    settings = {
        "max_participants": 200,
        "max_data_bytes": MAX_DATA_BYTES,
        "api_secret": SPARE_SECRET,
        "token_rate_per_minute": 0,
    }
    return make_hub(web_client_dir=str(client_dir), **settings).start().wait_ready()


@pytest.fixture(scope="session")
def tls_hub(make_hub: Callable[..., HubProcess], client_dir: Path) -> HubProcess:
    """A hub that terminates TLS with its own certificate and asks for a join code."""
    settings = {"web_server_tls": True, "join_code": "sesame", "web_client_dir": str(client_dir)}
    return make_hub(**settings).start().wait_ready()


@pytest.fixture(scope="session")
def proxied_hub(make_hub: Callable[..., HubProcess], client_dir: Path) -> HubProcess:
    """A hub as behind a proxy on the same machine: plain http on IPv6, watched from one network outside."""
    settings = {"web_server_host": "::1", "token_rate_per_minute": 0, "status_networks": ["198.51.100.0/24"]}
    return make_hub(web_client_dir=str(client_dir), **settings).start().wait_ready()


class OwnLiveKit:
    """A server that is not the hub's child, and the hub that is told of it; neither is started."""

    def __init__(self, binary: Path, hub: HubProcess) -> None:
        self.hub = hub
        self._binary = binary
        self._server = self._with_secret(SPARE_SECRET, hub.folder)
        hub.config["livekit_url"] = self._server.url

    def of_another_secret(self) -> LiveKitServer:
        """A server in the same place whom the hub's key says nothing."""
        folder = self.hub.folder / "stranger"
        folder.mkdir()
        return self._with_secret("stranger" * 4, folder)

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)

    def kill(self) -> None:
        self._server.kill()

    def _with_secret(self, secret: str, folder: Path) -> LiveKitServer:
        ports = {"port": self.hub.config["lk_port_ws"], "udp_port": self.hub.config["lk_port_udp"]}
        return LiveKitServer(self._binary, folder, **ports, key="xr-hub", secret=secret, makes_rooms=False)


@pytest.fixture
def own_livekit(
    make_hub: Callable[..., HubProcess], livekit_binary: Path, request: pytest.FixtureRequest
) -> Iterator[OwnLiveKit]:
    """Settings of the hub may be given by indirect parametrization."""
    hub = make_hub(api_secret=SPARE_SECRET, **getattr(request, "param", {}))
    server = OwnLiveKit(livekit_binary, hub)
    yield server
    server.kill()
    if hub.process is not None:
        hub.stop()


@pytest.fixture
async def agent(hub: HubProcess) -> AsyncIterator[Agent]:
    await until_quiet(hub)
    async with running_agent(hub) as agent:
        yield agent


class Visitors:
    """Joins as a person would: a token from the hub, then the URL it names."""

    def __init__(self) -> None:
        self._clients: list[Client] = []

    async def __call__(self, hub: HubProcess, identity: str) -> Client:
        """Join a hub by a name that nobody there has, which is what others know the client by."""
        status, admission = await get_json(f"{hub.url}/token", params={"identity": identity})
        assert status == 200, admission
        assert admission["identity"] == identity, "somebody of this name is there, or was a moment ago"
        return await self.admitted(admission)

    async def admitted(self, admission: dict[str, str]) -> Client:
        """Join with what a hub has answered."""
        client = await Client().join(admission["url"], admission["token"])
        self._clients.append(client)
        return client

    async def leave(self) -> None:
        """Everybody leaves who has not done so."""
        await asyncio.gather(*(client.leave() for client in self._clients))


@pytest.fixture
async def join() -> AsyncIterator[Visitors]:
    """See `Visitors`; nobody stays longer than the test, whatever happened in it."""
    visitors = Visitors()
    yield visitors
    await visitors.leave()


@pytest.fixture(scope="session")
def public_authority() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """See `authority_contexts`."""
    return authority_contexts()


@pytest.fixture
def public_authority_file(tmp_path: Path) -> Path:
    path = tmp_path / "public-ca.pem"
    AUTHORITY.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def hub_behind(proxied_hub: HubProcess, tls_hub: HubProcess) -> Callable[[bool], HubProcess]:
    """The hub that a reverse proxy reaches through TLS, or plainly."""
    return lambda has_tls: tls_hub if has_tls else proxied_hub


@pytest.fixture
def proxy_to(
    hub_behind: Callable[[bool], HubProcess], public_authority: tuple[ssl.SSLContext, ssl.SSLContext]
) -> Callable[..., ReverseProxy]:
    """Makes reverse proxies (not started) in front of those hubs."""

    def make(*, hub_tls: bool, tls: bool, **options: Any) -> ReverseProxy:
        host = "127.0.0.1" if hub_tls else "::1"
        _, serving = public_authority
        trusting = unverified_tls() if hub_tls else None
        return ReverseProxy(host, hub_behind(hub_tls).web_port, trusting, serving if tls else None, **options)

    return make
