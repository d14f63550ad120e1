"""Which URL a client is told: the one it reached us by, whatever stands in between."""

import re
from collections.abc import Mapping

__all__ = ("BadHost", "public_url")

# A name, an IPv4 address or a bracketed IPv6 address, with or without a port.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class BadHost(ValueError):
    """The Host a client sent is not one."""


def public_url(headers: Mapping[str, str], *, is_tls: bool, fixed: str = "", is_forwarded: bool = False) -> str:
    """Return ``ws(s)://host[:port]`` for the client that sent ``headers``.

    A TLS-terminating proxy in front says so in X-Forwarded-Proto and X-Forwarded-Host; they count when
    ``is_forwarded``, that is when they come from a proxy that is trusted.

    Raises:
        BadHost: no usable host.
    """
    if fixed:
        return fixed.rstrip("/")
    forwarded = headers if is_forwarded else {}
    host = _first(forwarded.get("x-forwarded-host", "")) or headers.get("host", "")
    if not _AUTHORITY.fullmatch(host):
        raise BadHost(f"Host {host!r:.80} is not a host name or address with an optional port")
    proto = _first(forwarded.get("x-forwarded-proto", "")).lower()
    is_secure = proto in ("https", "wss") if proto else is_tls
    return f"{'wss' if is_secure else 'ws'}://{host}"


def _first(value: str) -> str:
    return value.split(",", 1)[0].strip()
