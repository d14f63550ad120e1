"""GET /token: what a client needs to join, for those who may have it."""

import asyncio
import hmac
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from xr_media_hub._errors import JoinRefused
from xr_media_hub.transport.livekit import Admission
from xr_media_hub.web._clients import Clients
from xr_media_hub.web._public_url import BadHost, public_url
from xr_media_hub.web._rate_limit import RateLimit
from xr_media_hub.web._replies import NO_STORE, refusal

__all__ = ("TokenEndpoint", "TokenSettings")

_ANY_ORIGIN = "*"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "600",
}
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Who gets a token, and which URL stands in it."""

    admit: Callable[[str], Awaitable[Admission]]
    join_code: str = ""
    is_tls: bool = True
    public_url: str = ""
    rate_per_minute: int = 0
    allowed_origins: tuple[str, ...] = ()
    is_recorded: bool = False
    """Told to clients, so that a page can tell people."""


class TokenEndpoint:
    """Counts every request against its address, wrong codes and refusals too: guessing is slow."""

    def __init__(self, settings: TokenSettings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._rate = RateLimit(settings.rate_per_minute)

    async def answer(self, request: Request) -> Response:
        """Answer GET, and the question a browser asks before it."""
        try:
            url = self._url(request)
        except BadHost as error:
            return refusal(400, str(error))
        origin = request.headers.get("origin", "")
        if not self._is_allowed(request, origin, url):
            return refusal(403, f"pages of {origin or 'other sites'} may not join: see allowed_origins")
        reply = Response(headers=_PREFLIGHT) if request.method == "OPTIONS" else await self._token(request, url)
        reply.headers["Vary"] = "Origin"
        if origin:
            reply.headers["Access-Control-Allow-Origin"] = origin
        return reply

    async def _token(self, request: Request, url: str) -> Response:
        wait_s = self._rate.wait_s(self._clients.of_request(request))
        if wait_s:
            reply = refusal(429, f"too many requests from this address; try again in {math.ceil(wait_s)} s")
            reply.headers["Retry-After"] = str(math.ceil(wait_s))
            return reply
        code = request.query_params.get("code", "")
        if self._settings.join_code and not hmac.compare_digest(code.encode(), self._settings.join_code.encode()):
            return refusal(403, "a join code is needed: /token?identity=NAME&code=CODE")
        try:
            admission = await self._settings.admit(request.query_params.get("identity", ""))
        except JoinRefused as error:
            return refusal(error.status, str(error))
        except asyncio.CancelledError:
            # Only the web server at its end cancels a request, and it waits for this answer.
            return refusal(503, "the hub is stopping")
        body = {"token": admission.token, "room": admission.room, "url": url, "identity": admission.identity}
        return JSONResponse(body | {"recording": self._settings.is_recorded}, headers=NO_STORE)

    def _url(self, request: Request) -> str:
        is_forwarded = request.client is not None and self._clients.is_trusted(request.client.host)
        settings = self._settings
        return public_url(request.headers, is_tls=settings.is_tls, fixed=settings.public_url, is_forwarded=is_forwarded)

    def _is_allowed(self, request: Request, origin: str, url: str) -> bool:
        """Programs and the hub's own page always; other sites' pages when they were named."""
        if not origin:
            return request.headers.get("sec-fetch-site", "none") != "cross-site"
        own = urlsplit(url)
        allowed = self._settings.allowed_origins
        return origin in (f"{_PAGE_SCHEMES[own.scheme]}://{own.netloc}", *allowed) or _ANY_ORIGIN in allowed
