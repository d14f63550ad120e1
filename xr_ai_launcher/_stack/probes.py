"""Turns a role's `ready` into the probe that the run side performs."""

import re

from xr_ai_config import Problem
from xr_ai_launcher._stack import plan
from xr_ai_launcher._stack.model import HttpProbeModel, RoleModel
from xr_ai_launcher._stack.places import Places

__all__ = ("resolve_probe",)

_MAX_PORT = 65535


def resolve_probe(name: str, role: RoleModel, places: Places, problems: list[Problem]) -> plan.ProbePlan | None:
    """Return the role's probe; values that cannot work are added to ``problems``."""
    ready, at = role.ready, ("roles", name, "ready")
    if ready is None:
        return None
    if ready.http is not None:
        return _http(ready.http, places, at, problems)
    if ready.tcp is not None:
        return _tcp(ready.tcp, role, places, at, problems)
    if ready.log is not None:
        return _log(ready.log, places, at, problems)
    if ready.file is not None:
        is_bound_later = ready.file.startswith("${")
        return plan.FileProbe(ready.file if is_bound_later else str(places.file_path(ready.file, *at, "file")))
    if ready.exec is not None:
        return plan.ExecProbe(tuple(ready.exec))
    if ready.mcp is not None:
        _check_url(ready.mcp, places, (*at, "mcp"), problems)
        return plan.McpProbe(ready.mcp)
    return plan.NotifyProbe()


def _http(probe: str | HttpProbeModel, places: Places, at: tuple[str, ...], problems: list[Problem]) -> plan.HttpProbe:
    model = HttpProbeModel(url=probe) if isinstance(probe, str) else probe
    _check_url(model.url, places, (*at, "http") if isinstance(probe, str) else (*at, "http", "url"), problems)
    statuses = (model.status,) if isinstance(model.status, int) else tuple(model.status or ())
    return plan.HttpProbe(model.url, statuses, model.verify_tls)


def _check_url(url: str, places: Places, at: tuple[str, ...], problems: list[Problem]) -> None:
    if not re.match(r"https?://[^/]+", url):
        expected = "an address such as http://127.0.0.1:8000/health"
        problems.append(places.problem("not a web address", *at, expected=expected, found=f'"{url}"'))


def _tcp(
    value: int | str, role: RoleModel, places: Places, at: tuple[str, ...], problems: list[Problem]
) -> plan.TcpProbe:
    if isinstance(value, int):
        return plan.TcpProbe(role.host, value)
    if value in role.ports:
        return plan.TcpProbe(role.host, role.ports[value])
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or not 1 <= int(port) <= _MAX_PORT:
        expected = "a port, host:port, or the name of one of the role's ports"
        problems.append(places.problem("not a port", *at, "tcp", expected=expected, found=f'"{value}"'))
        return plan.TcpProbe(role.host, 0)
    return plan.TcpProbe(host or role.host, int(port))


def _log(pattern: str, places: Places, at: tuple[str, ...], problems: list[Problem]) -> plan.LogProbe:
    try:
        re.compile(pattern)
    except re.error as error:
        problems.append(places.problem(f"not a regular expression: {error}", *at, "log"))
    return plan.LogProbe(pattern)
