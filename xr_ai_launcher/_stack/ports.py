"""Are the stack's ports free, and if not: who holds them?"""

import errno
from collections.abc import Iterator

from xr_ai_config import Problem, format_path
from xr_ai_launcher._stack.free_ports import refused_ports
from xr_ai_launcher._stack.load import LoadedStack

__all__ = ("check_ports",)


def check_ports(loaded: LoadedStack) -> list[Problem]:
    """Return a problem for each taken port of an enabled role; persistent and reused roles may be running already."""
    return list(_taken_ports(loaded))


def _taken_ports(loaded: LoadedStack) -> Iterator[Problem]:
    for claim, error in refused_ports(loaded.plan):
        repair = f"--set {format_path(claim.path)}=NUMBER"
        holder = _holder(claim.port) if error.errno == errno.EADDRINUSE else ""
        if holder:
            message, hint = f"port {claim.port} is taken by {holder}", f"stop it, or choose another port with {repair}"
        else:
            message = f"port {claim.port} on {claim.host}: {error.strerror}"
            hint = f"choose another host or port, for instance with {repair}"
        yield loaded.places.problem(message, *claim.path, hint=hint)


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
