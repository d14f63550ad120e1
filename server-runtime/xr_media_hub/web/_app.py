"""The HTTP application: /token, /cert, /health and the static client."""

import hmac
import ipaddress
import logging
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from xr_media_hub._errors import JoinRefused
from xr_media_hub.transport.livekit import Admission
from xr_media_hub.web._public_url import BadHost, public_url

logger = logging.getLogger(__name__)

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
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the application serves."""

    admit: Callable[[str], Awaitable[Admission]]
    health: Callable[[], dict[str, Any]]
    client_dir: Path | None = None
    join_code: str = ""
    is_tls: bool = True
    public_url: str = ""
    certificate_pem: bytes | None = None


def create_app(settings: WebSettings) -> Starlette:
    """Return the application; LiveKit's signalling is not part of it (see `_protocol`)."""
    for suffix, kind in _MIME_TYPES.items():
        mimetypes.add_type(kind, suffix)
    endpoints = _Endpoints(settings)
    routes: list[BaseRoute] = [
        Route("/token", endpoints.token),
        Route("/cert", endpoints.certificate),
        Route("/health", endpoints.health),
    ]
    if settings.client_dir is not None:
        routes.append(Mount("/", _ClientFiles(directory=settings.client_dir, html=True)))
    else:
        routes.append(Route("/", endpoints.no_client))
    return Starlette(routes=routes)


class _Endpoints:
    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings

    async def token(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        if not hmac.compare_digest(code.encode(), self._settings.join_code.encode()) and self._settings.join_code:
            return _refusal(403, "a join code is needed: /token?identity=NAME&code=CODE")
        try:
            url = public_url(request.headers, is_tls=self._settings.is_tls, fixed=self._settings.public_url)
            admission = await self._settings.admit(request.query_params.get("identity", ""))
        except BadHost as error:
            return _refusal(400, str(error))
        except JoinRefused as error:
            return _refusal(error.status, str(error))
        body = {"token": admission.token, "room": admission.room, "url": url, "identity": admission.identity}
        return JSONResponse(body, headers=_NO_STORE)

    async def certificate(self, _request: Request) -> Response:
        pem = self._settings.certificate_pem
        if pem is None:
            return _refusal(404, "this hub does not terminate TLS, so there is no certificate of its own")
        headers = {"Content-Disposition": 'attachment; filename="xr-ai-hub.crt"', **_NO_STORE}
        return Response(pem, media_type="application/x-x509-ca-cert", headers=headers)

    async def health(self, request: Request) -> Response:
        facts = self._settings.health()
        if not _is_local(request):
            # Who is here is nobody's business on the network.
            facts.pop("participants", None)
        return JSONResponse(facts, status_code=200 if facts["status"] == "ok" else 503, headers=_NO_STORE)

    async def no_client(self, _request: Request) -> Response:
        return PlainTextResponse("The hub runs. No web client is configured: set web_client_dir.\n")


class _ClientFiles(StaticFiles):
    """The client's files; pages and scripts are asked for again each time, so that an update is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        kind = response.headers.get("content-type", "")
        if kind.startswith(("text/html", "text/javascript", "text/css", "application/json")):
            response.headers["Cache-Control"] = "no-cache"
        return response


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers=_NO_STORE)


def _is_local(request: Request) -> bool:
    if request.client is None or "x-forwarded-for" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
