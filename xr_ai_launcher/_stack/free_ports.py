"""Which ports a plan needs, and whether the system would give them now."""

from __future__ import annotations

from collections.abc import Iterator

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._stack.plan import RolePlan, StackPlan

__all__ = ("METRICS_HOST", "PortClaim", "are_ports_free", "claimed_ports", "refused_ports")

METRICS_HOST = "127.0.0.1"
"""Figures tell what runs here; other machines reach them only through what their owner puts in front."""


@dataclass(frozen=True, slots=True)
class PortClaim:
    """One port that a stack wants to listen on."""

    host: str
    port: int
    owner: str
    """Who wants it, in words: the role's name, or ``metrics``."""
    path: tuple[str, ...]
    """Where the stack says so."""
    is_ours: bool = True
    """Whether this run opens it; ports of persistent and reused roles may be open already."""


def claimed_ports(plan: StackPlan) -> Iterator[PortClaim]:
    """Yield the ports of the enabled roles, and that of the metrics."""
    for role in plan.enabled_roles:
        yield from _of_role(role)
    if plan.metrics_port:
        yield PortClaim(METRICS_HOST, plan.metrics_port, "metrics", ("metrics",))


def are_ports_free(plan: StackPlan) -> bool:
    """Whether every port that this plan's run will listen on is free."""
    return next(refused_ports(plan), None) is None


def refused_ports(plan: StackPlan) -> Iterator[tuple[PortClaim, OSError]]:
    """Yield each port of this run that cannot be had, and why."""
    for claim in claimed_ports(plan):
        error = _bind_error(claim.host, claim.port) if claim.is_ours else None
        if error is not None:
            yield claim, error


def _of_role(role: RolePlan) -> Iterator[PortClaim]:
    for key, port in role.ports.items():
        at = ("roles", role.name, "ports", key)
        yield PortClaim(role.host, port, role.name, at, role.launch == "own")


def _bind_error(host: str, port: int) -> OSError | None:
    import socket  # late: it takes 5 ms, and not every stack has ports

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
