"""What is wrong with a configuration though each key is right: files that are not there, ports that two parts want."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xr_ai_config import KeyPath, format_path, resolve_path
from xr_ai_program import StartupError
from xr_media_hub.config import REMOTE_PORTS, HubConfig, RemoteAgents
from xr_media_hub.transport.livekit import find_server_binary

__all__ = ("examine",)

_TCP_ADDRESS = re.compile(r"tcp://.*:([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class _Ports:
    """Ports in a row that one part listens on; ``is_written``: the file says so, it is no default."""

    path: KeyPath
    kind: str
    first: int
    is_written: bool
    count: int = 1

    def meets(self, other: "_Ports") -> bool:
        """Whether both cannot be had."""
        is_apart = self.first + self.count <= other.first or other.first + other.count <= self.first
        return self.kind == other.kind and not is_apart

    def __str__(self) -> str:
        last = f" to {self.first + self.count - 1}" if self.count > 1 else ""
        return f"{format_path(self.path)} ({'' if self.is_written else 'by default '}{self.kind} {self.first}{last})"


def examine(values: dict[str, Any], folder: Path) -> Iterator[tuple[KeyPath, str]]:
    """Yield (key path, what is wrong); see `xr_ai_config.Examine`."""
    yield from _missing(values, folder)
    yield from _wanted_twice(list(_ports(values)))


def _missing(values: dict[str, Any], folder: Path) -> Iterator[tuple[KeyPath, str]]:
    def named(key: str) -> Path | None:
        value = values.get(key)
        return resolve_path(value, folder) if isinstance(value, str) and value else None

    if _is_on(values, "enable_web_server"):
        if (client := named("web_client_dir")) is not None and not client.is_dir():
            yield ("web_client_dir",), f"{client} is not a folder; build the web client or change the path"
        for key in ("cert_file", "key_file"):
            if (file := named(key)) is not None and not file.is_file():
                yield (key,), f"{file} is not a file; leave out cert_file and key_file to have both made"
    binary = named("livekit_server_bin")
    if binary is not None and not values.get("livekit_url"):
        try:
            find_server_binary(binary)
        except StartupError as error:
            yield ("livekit_server_bin",), str(error)


def _ports(values: dict[str, Any]) -> Iterator[_Ports]:
    """Yield every port the hub will listen on; one that is not even a number is another's to complain about."""
    keys = []
    if not values.get("livekit_url"):
        keys += [("lk_port_ws", "tcp"), ("lk_port_udp", "udp")]
        if not _is_loopback(values.get("node_ip")):
            keys.append(("lk_port_tcp", "tcp"))
    if _is_on(values, "enable_web_server"):
        keys.append(("web_server_port", "tcp"))
    for key, kind in keys:
        port = values.get(key, HubConfig.model_fields[key].default)
        if isinstance(port, int):
            yield _Ports((key,), kind, port, key in values)
    for key in ("hub_push_addr", "hub_sub_addr"):
        if address := _TCP_ADDRESS.fullmatch(str(values.get(key))):
            yield _Ports((key,), "tcp", int(address.group(1)), True)
    remote = values.get("remote")
    if isinstance(remote, dict) and remote.get("enabled") is True:
        port = remote.get("port", RemoteAgents.model_fields["port"].default)
        if isinstance(port, int):
            yield _Ports(("remote", "port"), "tcp", port, "port" in remote, REMOTE_PORTS)


def _wanted_twice(ports: list[_Ports]) -> Iterator[tuple[KeyPath, str]]:
    for number, second in enumerate(ports):
        for first in ports[:number]:
            if second.meets(first):
                shown, other = (second, first) if second.is_written else (first, second)
                yield shown.path, f"{other} wants the same port; give each one of its own"


def _is_on(values: dict[str, Any], key: str) -> bool:
    return values.get(key, HubConfig.model_fields[key].default) is not False


def _is_loopback(address: object) -> bool:
    try:
        return isinstance(address, str) and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
