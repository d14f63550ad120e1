"""The HTTP application: /token, /cert, the operators' pages and the static client."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from xr_media_hub.web._certificates import HubCertificate
from xr_media_hub.web._clients import Clients
from xr_media_hub.web._monitor import Monitor, MonitorSettings
from xr_media_hub.web._replies import NO_STORE, refusal
from xr_media_hub.web._token import TokenEndpoint, TokenSettings

# The system's table may lack or misname these, and a browser refuses a module with the wrong type.
_MIME_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
}
_NO_CLIENT = "The hub runs. No web client is configured: set web_client_dir.\n"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the application serves."""

    token: TokenSettings
    monitor: MonitorSettings
    clients: Clients
    client_dir: Path | None = None
    certificate: HubCertificate | None = None
    """The one this hub serves with; None when somebody in front of it terminates TLS."""


def create_app(settings: WebSettings) -> Starlette:
    """Return the application; LiveKit's signalling is not part of it (see `_protocol`)."""
    for suffix, kind in _MIME_TYPES.items():
        mimetypes.add_type(kind, suffix)
    monitor = Monitor(settings.monitor, settings.clients)
    token = TokenEndpoint(settings.token, settings.clients)

    async def certificate(_request: Request) -> Response:
        return _certificate(settings.certificate)

    async def no_client(_request: Request) -> Response:
        return PlainTextResponse(_NO_CLIENT)

    routes: list[BaseRoute] = [
        Route("/token", token.answer, methods=["GET", "OPTIONS"]),
        Route("/cert", certificate),
        Route("/health", monitor.health),
        Route("/metrics", monitor.metrics),
        Route("/status", monitor.status),
    ]
    if settings.client_dir is not None:
        routes.append(Mount("/", _ClientFiles(directory=settings.client_dir, html=True, follow_symlink=True)))
    else:
        routes.append(Route("/", no_client))
    return Starlette(routes=routes)


def _certificate(certificate: HubCertificate | None) -> Response:
    if certificate is None:
        return refusal(404, "this hub does not terminate TLS, so there is no certificate of its own")
    headers = {"Content-Disposition": 'attachment; filename="xr-ai-hub.crt"', **NO_STORE}
    return Response(certificate.pem, media_type="application/x-x509-ca-cert", headers=headers)


class _ClientFiles(StaticFiles):
    """The client's files; pages and scripts are asked for again each time, so that an update is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        kind = response.headers.get("content-type", "")
        if kind.startswith(("text/html", "text/javascript", "text/css", "application/json")):
            response.headers["Cache-Control"] = "no-cache"
        return response
