"""Are the stack's ports free, and if not: who holds them?"""

import socket
from collections.abc import Iterator

from xr_ai_config import Problem
from xr_ai_launcher._stack.load import LoadedStack

__all__ = ("check_ports",)


def check_ports(loaded: LoadedStack) -> list[Problem]:
    """Return a problem for each taken port of an enabled role; persistent and reused roles may be running already."""
    return list(_taken_ports(loaded))


def _taken_ports(loaded: LoadedStack) -> Iterator[Problem]:
    for role in loaded.plan.enabled_roles:
        if role.launch != "own":
            continue
        for key, port in role.ports.items():
            reason = _why_taken(role.host, port)
            if reason:
                hint = f"stop it, or choose another port with --set roles.{role.name}.ports.{key}=NUMBER"
                yield loaded.places.problem(reason, "roles", role.name, "ports", key, hint=hint)


def _why_taken(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        # As servers do: a connection that still lingers from the last run is no obstacle.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except OSError as error:
            holder = _holder(port)
            return (
                f"port {port} is taken by {holder}" if holder else f"port {port} on {host}: {error.strerror or error}"
            )
    return ""


def _holder(port: int) -> str:
    """Return the program that listens on ``port``, as far as this user may see it."""
    import psutil  # type: ignore[import-untyped]  # only when there is something to explain

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return ""
    listeners = {each.pid for each in connections if each.status == psutil.CONN_LISTEN and each.laddr.port == port}
    for pid in sorted(pid for pid in listeners if pid is not None):
        try:
            return f"{psutil.Process(pid).name()} (pid {pid})"
        except psutil.Error:
            continue
    return "a process of another user" if listeners else ""
