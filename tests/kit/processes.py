"""Looking at processes and ports from outside."""

import os
import socket
import time
from collections.abc import Callable, Iterable

import psutil

__all__ = ("port_is_free", "tagged_processes", "wait_until")

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


def tagged_processes(variable: str, value: str) -> list[psutil.Process]:
    """All live processes whose environment holds ``variable=value``, wherever they have daemonised to."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and process.environ().get(variable) == value
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


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
