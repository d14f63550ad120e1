"""Are the stack's ports free, and if not: who holds them?"""

import errno
import socket
from collections.abc import Iterator

from xr_ai_config import Problem, format_path
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
            at = ("roles", role.name, "ports", key)
            error = _bind_error(role.host, port)
            repair = f"--set {format_path(at)}=NUMBER"
            holder = _holder(port) if error is not None and error.errno == errno.EADDRINUSE else ""
            if holder:
                message = f"port {port} is taken by {holder}"
                yield loaded.places.problem(message, *at, hint=f"stop it, or choose another port with {repair}")
            elif error is not None:
                message = f"port {port} on {role.host}: {error.strerror}"
                yield loaded.places.problem(
                    message, *at, hint=f"choose another host or port, for instance with {repair}"
                )


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


def _holder(port: int) -> str:
    """Return the program that listens on ``port``, as far as this user may see it."""
    import psutil  # only when there is something to explain

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return ""
    listeners = {
        each.pid for each in connections if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    }
    for pid in sorted(pid for pid in listeners if pid is not None):
        try:
            return f"{psutil.Process(pid).name()} (pid {pid})"
        except psutil.Error:
            continue
    return "a process of another user" if listeners else ""
