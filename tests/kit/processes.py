"""Looking at processes and ports from outside."""

import socket
import time
from collections.abc import Callable, Iterable

__all__ = ("busy_ports", "port_is_free", "wait_until")

_POLL_S = 0.05


def wait_until(condition: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Return once ``condition`` holds.

    Raises:
        AssertionError: it did not within ``within_s`` seconds.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(_POLL_S)


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
