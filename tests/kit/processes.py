"""Looking at processes and ports from outside."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterable

__all__ = ("WAIT_LIMIT_S", "busy_ports", "eventually", "free_udp_port", "port_is_free", "wait_until")

# Two busy cores and a cold cache; what hangs is reported, not waited for.
WAIT_LIMIT_S = 30.0
_POLL_S = 0.02


def wait_until(condition: Callable[[], object], within_s: float = WAIT_LIMIT_S, what: str = "") -> None:
    """Return once ``condition`` holds.

    Raises:
        AssertionError: it did not within ``within_s`` seconds.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        time.sleep(_POLL_S)


async def eventually(condition: Callable[[], object], within_s: float = WAIT_LIMIT_S, what: str = "") -> None:
    """`wait_until` for what happens in the test's own event loop."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        await asyncio.sleep(_POLL_S)


def free_udp_port() -> int:
    """A UDP port of 127.0.0.1 that nobody holds right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:``port`` right now."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def busy_ports(ports: Iterable[int]) -> list[int]:
    """Those of ``ports`` that somebody holds."""
    return [port for port in ports if not port_is_free(port)]
