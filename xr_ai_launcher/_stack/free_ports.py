"""Asks the system whether the ports of a plan can be listened on now."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from xr_ai_launcher._stack.plan import RolePlan, StackPlan

__all__ = ("are_ports_free", "refused_ports")


def are_ports_free(plan: StackPlan) -> bool:
    """Whether every port that this plan's roles will listen on is free."""
    return next(refused_ports(plan), None) is None


def refused_ports(plan: StackPlan) -> Iterator[tuple[RolePlan, str, int, OSError]]:
    """Yield role, key, number and reason of each port that cannot be had.

    Persistent and reused roles may be running already, so theirs are not asked for.
    """
    for role in plan.enabled_roles:
        if role.launch == "own":
            for key, port in role.ports.items():
                error = _bind_error(role.host, port)
                if error is not None:
                    yield role, key, port, error


def _bind_error(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        # As servers do: a connection that still lingers from the last run is no obstacle.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except OSError as error:
            return error
    return None
