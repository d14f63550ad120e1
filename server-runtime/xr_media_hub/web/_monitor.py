"""What operators look at: /health for programs, /metrics for Prometheus, /status for people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from xr_media_hub.web._clients import Clients, IpNetwork, in_networks, parse_address
from xr_media_hub.web._replies import NO_STORE, refusal

__all__ = ("Monitor", "MonitorSettings")

# The page holds nothing but its own style, and nobody may frame it.
_PAGE_HEADERS = {
    **NO_STORE,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Where the facts come from, and who may see all of them."""

    health: Callable[[], dict[str, Any]]
    status_page: Callable[[], str]
    metrics: CollectorRegistry
    networks: tuple[IpNetwork, ...]


class Monitor:
    """The endpoints; whoever is not in the networks hears on /health that the hub lives, and no more."""

    def __init__(self, settings: MonitorSettings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients

    async def health(self, request: Request) -> Response:
        """Say whether the hub is well; who is here is nobody's business on the network."""
        facts = self._settings.health()
        if not self._may_look(request):
            facts = {"status": facts["status"]}
        return JSONResponse(facts, status_code=200 if facts["status"] == "ok" else 503, headers=NO_STORE)

    async def metrics(self, request: Request) -> Response:
        """Return every counter in Prometheus' text format."""
        if not self._may_look(request):
            return _not_yours()
        return Response(generate_latest(self._settings.metrics), media_type=CONTENT_TYPE_LATEST, headers=NO_STORE)

    async def status(self, request: Request) -> Response:
        """Return a page that reloads itself."""
        if not self._may_look(request):
            return _not_yours()
        return HTMLResponse(self._settings.status_page(), headers=_PAGE_HEADERS)

    def _may_look(self, request: Request) -> bool:
        address = self._clients.of_request(request)
        if address is None or not in_networks(address, self._settings.networks):
            return False
        # A page of elsewhere whose name was made to point here reaches this machine from this machine.
        return not address.is_loopback or _names_this_machine(request.headers.get("host", ""))


def _names_this_machine(host: str) -> bool:
    address = parse_address(host)
    if address is not None:
        return address.is_loopback
    return host.partition(":")[0].lower() == "localhost"


def _not_yours() -> Response:
    return refusal(403, "only for this machine; status_networks in the hub's configuration admits others")
