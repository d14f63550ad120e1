"""Who a request really comes from, and whose word on that counts."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request

__all__ = ("Clients", "IpAddress", "IpNetwork", "in_networks", "parse_address")

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# What proxies add; a request with any of these did not come straight from whoever connected.
_PROXY_HEADERS = (
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "forwarded",
    "via",
)


@dataclass(frozen=True, slots=True)
class Clients:
    """Reads X-Forwarded-For as far as the proxies in ``trusted`` wrote it."""

    trusted: tuple[IpNetwork, ...]

    def is_trusted(self, peer: str) -> bool:
        """Whether what ``peer`` forwards is believed."""
        address = parse_address(peer)
        return address is not None and in_networks(address, self.trusted)

    def of_request(self, request: Request) -> IpAddress | None:
        """Return the address of a request's client."""
        headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
        return self.address_of(request.client.host if request.client else "", headers)

    def address_of(self, peer: str, headers: Mapping[str, str]) -> IpAddress | None:
        """Return the client's address; None when nobody who is trusted tells it.

        Proxies append, so the list is read from its end: the first address that is not a trusted proxy's is the
        client's, and what stands before it is only what that client claims.
        """
        address = parse_address(peer)
        if address is None or not in_networks(address, self.trusted):
            return address
        claims = headers.get("x-forwarded-for", "").split(",")
        if not claims[0] and any(name in headers for name in _PROXY_HEADERS):
            return None
        for claim in reversed([claim.strip() for claim in claims if claim.strip()]):
            address = parse_address(claim)
            if address is None or not in_networks(address, self.trusted):
                return address
        return address


def parse_address(text: str) -> IpAddress | None:
    """Return the address in ``text`` (brackets, a port and a zone are allowed); IPv4 in IPv6 clothes is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def in_networks(address: IpAddress, networks: tuple[IpNetwork, ...]) -> bool:
    """Whether one of ``networks`` holds ``address``."""
    return any(address in network for network in networks if network.version == address.version)
