"""Where the hub's sockets are."""

import os
from collections.abc import Iterable
from typing import NamedTuple

DEFAULT_PULL_ADDR = "ipc:///tmp/xr_hub_in"
"""Where a bare hub takes messages in (the v0.1 contract)."""

DEFAULT_PUB_ADDR = "ipc:///tmp/xr_hub_pub"
"""Where a bare hub publishes (the v0.1 contract)."""

PULL_ADDR_ENV = "XR_HUB_IN"
PUB_ADDR_ENV = "XR_HUB_PUB"


class HubAddresses(NamedTuple):
    """The two addresses of a hub."""

    pub: str
    """Agents and connectors subscribe here (``sub_addr`` of the endpoints)."""
    pull: str
    """Agents and connectors push here (``push_addr`` of the endpoints)."""


def reachable(announced: Iterable[str], known: str) -> str:
    """Return which of the addresses of a further socket a peer reaches who knows the hub by one; "" if none."""
    scheme = known.partition("://")[0]
    for address in announced:
        if address.partition("://")[0] == scheme:
            if scheme != "tcp":
                return address
            # The hub cannot know by which of its names we reach it.
            return f"{known.rpartition(':')[0]}:{address.rpartition(':')[2]}"
    return ""


def hub_addresses() -> HubAddresses:
    """Return the addresses from ``XR_HUB_PUB`` and ``XR_HUB_IN``, else the contract's defaults under /tmp.

    A stack sets both variables so that its sockets lie in its private run directory.
    """
    return HubAddresses(
        pub=os.environ.get(PUB_ADDR_ENV) or DEFAULT_PUB_ADDR,
        pull=os.environ.get(PULL_ADDR_ENV) or DEFAULT_PULL_ADDR,
    )
