"""Looking at processes and ports from outside."""

import socket
from collections.abc import Iterable

__all__ = ("WAIT_LIMIT_S", "busy_ports", "free_udp_port", "port_is_free")

# Two busy cores and a cold cache; what hangs is reported, not waited for.
WAIT_LIMIT_S = 30.0


def free_udp_port() -> int:
    """A UDP port of 127.0.0.1 that nobody holds right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def port_is_free(port: int, *, is_udp: bool = False) -> bool:
    """Whether a server could use 127.0.0.1:``port`` right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM) as sock:
        if not is_udp:  # with it, one may bind beside another UDP socket
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def busy_ports(ports: Iterable[int], *, is_udp: bool = False) -> list[int]:
    """Those of ``ports`` that somebody holds."""
    return [port for port in ports if not port_is_free(port, is_udp=is_udp)]
