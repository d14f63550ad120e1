"""Looking at processes and ports from outside."""

import errno
import random
import socket
from collections.abc import Iterable

__all__ = ("WAIT_LIMIT_S", "busy_ports", "own_port", "own_ports", "port_is_free")

# Two busy cores and a cold cache; what hangs is reported, not waited for.
WAIT_LIMIT_S = 30.0


# Below those that the kernel gives to connections and to whoever asks it for any port.
_FIRST_PORT, _PORTS_END = 16_384, 32_768
_AT_ONCE = 64
_claims: list[socket.socket] = []
_unused: list[int] = []


def own_port() -> int:
    """See `own_ports`."""
    return own_ports(1)


def own_ports(count: int) -> int:
    """The first of some successive ports, free for TCP and UDP, that no test is given again while this process runs.

    A port that was merely free a moment ago may be somebody else's by the time its server has started.
    """
    while True:
        if len(_unused) < count:
            _unused[:] = _claimed()
        taken = [_unused.pop(0) for _ in range(count)]
        if not busy_ports(taken) and not busy_ports(taken, is_udp=True):
            return taken[0]


def _claimed() -> list[int]:
    """Successive ports that no other process of tests uses: each holds a name of the kernel's for its own."""
    first = random.SystemRandom().randrange(_FIRST_PORT, _PORTS_END, _AT_ONCE)
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0xr-ai-tests-ports-{first}")
    except OSError as error:
        claim.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return _claimed()
    _claims.append(claim)
    return list(range(first, first + _AT_ONCE))


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
