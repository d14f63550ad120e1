"""What is allowed but seldom meant: said as warnings before the start."""

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.plan import HttpProbe, McpProbe, ProbePlan, RolePlan, StackPlan, TcpProbe

__all__ = ("oddities",)

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})
_PORTS_OF_SCHEMES = {"http": 80, "https": 443}


def oddities(plan: StackPlan, places: Places) -> Iterator[str]:
    """Yield a sentence for each thing, with its place."""
    for role in plan.enabled_roles:
        yield from _foreign_probe(role, places)
        yield from _shell_variables(role, places)


def _foreign_probe(role: RolePlan, places: Places) -> Iterator[str]:
    host, port = _asked(role.ready)
    is_here = host in _THIS_MACHINE or host == role.host
    if port is not None and is_here and role.ports and port not in role.ports.values() and role.launch != "reuse":
        own = ", ".join(f"{key} {number}" for key, number in role.ports.items())
        yield f"{places.mark('roles', role.name, 'ready')}: {role.name} is asked on port {port}, its ports are {own}"


def _asked(probe: ProbePlan | None) -> tuple[str, int | None]:
    match probe:
        case TcpProbe(host=host, port=port):
            return host, port
        case HttpProbe(url=url) | McpProbe(url=url):
            parts = urlsplit(url)
            try:
                return parts.hostname or "", parts.port or _PORTS_OF_SCHEMES.get(parts.scheme)
            except ValueError:  # no port, but something else after the colon
                return "", None
    return "", None


def _shell_variables(role: RolePlan, places: Places) -> Iterator[str]:
    for name in places.value("roles", role.name, "env") or ():
        found = _VARIABLE.search(role.env.get(name, ""))
        if found is not None and found[1] in os.environ:
            where = places.mark("roles", role.name, "env", name)
            yield f"{where}: {name} of {role.name} holds `{found[0]}` as it is; for its value write ${{env.{found[1]}}}"
