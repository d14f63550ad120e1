"""Asking a hub for a place: GET /token, as a browser does."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from xr_ai_client._errors import ConnectionFailedError, JoinRefusedError

_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Admission:
    """What the hub answers: where to connect, with what, and under which name."""

    url: str
    token: str
    room: str
    identity: str


def tls_context(ca_file: Path | None, *, verify: bool) -> ssl.SSLContext:
    """Return how to trust a hub: the system's authorities, those of ``ca_file``, or anybody (``verify=False``)."""
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def ask_admission(hub_url: str, identity: str, code: str, context: ssl.SSLContext) -> Admission:
    """Return the hub's token for an identity.

    Raises:
        ConnectionFailedError: no hub answers at ``hub_url``, or not with what a hub says.
        JoinRefusedError: it refuses this identity or code.
    """
    query = {"identity": identity} | ({"code": code} if code else {})
    try:
        async with httpx2.AsyncClient(verify=context, timeout=_TIMEOUT_S) as http:
            reply = await http.get(f"{hub_url.rstrip('/')}/token", params=query)
    except httpx2.HTTPError as error:
        raise ConnectionFailedError(f"{hub_url}/token: {error!r}; is the hub running there?") from error
    if reply.status_code != httpx2.codes.OK:
        raise JoinRefusedError(f"{hub_url} refuses {identity!r}: {_reason(reply)}", reply.status_code)
    try:
        body = reply.json()
        return Admission(body["url"], body["token"], body.get("room", ""), body.get("identity", identity))
    except (ValueError, KeyError, TypeError) as error:
        raise ConnectionFailedError(f"{hub_url}/token is not a hub's answer: {reply.text[:120]!r}") from error


def is_tls(url: str) -> bool:
    """Whether a signalling URL goes through TLS."""
    return urlsplit(url).scheme in ("wss", "https")


def _reason(reply: httpx2.Response) -> str:
    try:
        return str(reply.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {reply.status_code}"
