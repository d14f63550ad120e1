"""Where LiveKit's signalling is, and how it is reached."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ("Upstream",)

_DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server of LiveKit's signalling."""

    host: str
    port: int
    authority: bytes
    """What it is called in a Host header."""
    prefix: bytes = b""
    """What precedes LiveKit's own paths there; no slash at its end."""
    tls: ssl.SSLContext | None = None

    @classmethod
    def of_url(cls, url: str) -> "Upstream":
        """Read ``ws(s)://host[:port][/prefix]``; wss trusts the system's authorities (or ``$SSL_CERT_FILE``)."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        authority = f"{host}:{parts.port}" if parts.port else host
        return cls(
            host=parts.hostname,
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            authority=authority.encode("idna"),
            prefix=parts.path.rstrip("/").encode("ascii"),
            tls=_client_context() if parts.scheme == "wss" else None,
        )


def _client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    # WebSockets need HTTP/1.1; a proxy in front of LiveKit might prefer another.
    context.set_alpn_protocols(["http/1.1"])
    return context
