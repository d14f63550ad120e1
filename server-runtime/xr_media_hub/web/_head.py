"""Reads the head of an HTTP/1.1 request strictly enough to forward it unread."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from xr_media_hub.web._upstream import Upstream

__all__ = ("BadHead", "RequestHead", "is_signalling", "parse_head")

# LiveKit's signalling and its check, versioned and not; nothing else of LiveKit is reachable from outside.
_SIGNALLING = re.compile(rb"/rtc(?:/v[0-9]{1,2})?(?:/validate)?")
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,16384}) HTTP/1\.1")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
# Where LiveKit looks for a client's address (CF-Connecting-IP before all others), and what other proxies call it.
_ADDRESS_NAMES = (
    b"cf-connecting-ip",
    b"cf-connecting-ipv6",
    b"x-forwarded-for",
    b"x-real-ip",
    b"true-client-ip",
    b"forwarded",
)


class BadHead(Exception):
    """A request that is not forwarded; ``status`` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A parsed request line with its headers in their order."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return self._value(b"upgrade").lower() == b"websocket" and b"upgrade" in self._value(b"connection").lower()

    @property
    def token(self) -> str:
        """The client's token for LiveKit, which looks for it in the same places in this order; empty without one."""
        scheme, _, token = self._value(b"authorization").partition(b" ")
        if scheme:
            return token.decode("latin-1") if scheme.lower() == b"bearer" else ""
        query = parse_qs(self.target.partition(b"?")[2].decode("latin-1"))
        return query.get("access_token", [""])[0]

    @property
    def text_headers(self) -> dict[str, str]:
        """The headers by their names in small letters; those that come twice are joined by a comma."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found

    def _value(self, name: bytes) -> bytes:
        return next((value for key, value in self.headers if key.lower() == name), b"")

    def forwarded(self, client_host: str, upstream: Upstream) -> bytes:
        """Return the bytes for ``upstream``: the client's own claims about its address are replaced by what we see.

        Without an upgrade the connection is closed after the reply, so that nothing can follow the checked request.
        """
        drop = {b"host", *_ADDRESS_NAMES} | (set() if self.is_upgrade else {b"connection"})
        lines = [b"%s %s%s HTTP/1.1" % (self.method, upstream.prefix, self.target), b"Host: " + upstream.authority]
        lines += [b"%s: %s" % (name, value) for name, value in self.headers if name.lower() not in drop]
        lines.append(b"X-Forwarded-For: " + client_host.encode("ascii", "replace"))
        if not self.is_upgrade:
            lines.append(b"Connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"


def is_signalling(target: bytes) -> bool:
    """Whether a request target belongs to LiveKit."""
    return _SIGNALLING.fullmatch(target.partition(b"?")[0]) is not None


def parse_head(head: bytes) -> RequestHead:
    """Return the request in ``head``, which ends before the empty line.

    Raises:
        BadHead: not HTTP/1.1, not a GET without a body, or a header that two readers could understand differently.
    """
    first, *rest = head.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if not line:
        raise BadHead(400, "the request line is not HTTP/1.1")
    headers = []
    for raw in rest:
        header = _HEADER.fullmatch(raw)
        if not header:
            raise BadHead(400, "a header line is malformed")
        headers.append((header[1], header[2]))
    request = RequestHead(line[1], line[2], tuple(headers))
    names = [name.lower() for name, _ in headers]
    if request.method != b"GET":
        raise BadHead(405, "signalling takes GET only")
    if b"transfer-encoding" in names or request._value(b"content-length") not in (b"", b"0"):
        raise BadHead(400, "signalling takes no body")
    if names.count(b"host") != 1:
        raise BadHead(400, "exactly one Host header is needed")
    return request
