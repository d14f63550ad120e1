"""Who listens on a local port: an answer is only a role's own when one of its processes holds the socket."""

import ipaddress
import os
import socket
from collections.abc import Iterable

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.linux import command_line

_LISTEN_STATE = "0A"
_ADDRESS_FIELD, _STATE_FIELD, _INODE_FIELD = 1, 3, 9


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket; ``inode`` identifies it among all descriptors of the machine."""

    address: str
    port: int
    inode: str


def listener_for(address: str, port: int) -> Listener | None:
    """Return the local socket that takes connections to this address: an exact match first, then a wildcard."""
    wanted = ipaddress.ip_address(address)
    candidates = [listener for listener in _listeners(port) if _accepts(listener, wanted)]
    return min(candidates, key=lambda listener: ipaddress.ip_address(listener.address).is_unspecified, default=None)


def holder_among(pids: Iterable[int], inode: str) -> int | None:
    """Return the first of these processes that has the socket open."""
    target = f"socket:[{inode}]"
    return next((pid for pid in pids if target in _open_files(pid)), None)


def describe_holder(inode: str) -> str:
    """Say which process of the machine has the socket open, as far as we may see."""
    pid = holder_among((int(name) for name in os.listdir("/proc") if name.isdigit()), inode)
    return "a process of another user" if pid is None else f"process {pid} ({command_line(pid)})"


def _listeners(port: int) -> Iterable[Listener]:
    for table, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        try:
            with open(table) as file:
                lines = file.readlines()[1:]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        for line in lines:
            fields = line.split()
            host, _, hex_port = fields[_ADDRESS_FIELD].partition(":")
            if fields[_STATE_FIELD] == _LISTEN_STATE and int(hex_port, 16) == port:
                yield Listener(_decode(host, family), port, fields[_INODE_FIELD])


def _decode(text: str, family: int) -> str:
    """The tables print each 32-bit word of the address in the machine's byte order."""
    raw = bytes.fromhex(text)
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return socket.inet_ntop(family, words)


def _accepts(listener: Listener, wanted: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    bound = ipaddress.ip_address(listener.address)
    mapped = getattr(bound, "ipv4_mapped", None)
    if bound == wanted or mapped == wanted:
        return True
    # "::" takes IPv4 too, unless told otherwise, which the table does not show.
    return bound.is_unspecified and (bound.version == wanted.version or bound.version == 6)


def _open_files(pid: int) -> set[str]:
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
            except OSError:
                continue  # closed meanwhile
    except OSError:
        pass  # ended, or not ours to look at
    return found
