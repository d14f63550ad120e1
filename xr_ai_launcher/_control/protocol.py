"""The words between a running stack and those who look at it: JSON lines over a Unix socket.

The socket is ``control`` in the run's private folder (0600). A request is one object in one line::

    {"v": 1, "id": 7, "request": "status"}
    {"v": 1, "id": 8, "request": "subscribe"}
    {"v": 1, "id": 9, "request": "restart", "role": "web"}
    {"v": 1, "id": 10, "request": "down"}

and its answer, which may come after answers to later requests, has its ``id`` and either a result or a sentence::

    {"v": 1, "id": 7, "result": {…}}
    {"v": 1, "id": 9, "error": "there is no role weg; did you mean web?"}

``status`` and ``subscribe`` answer with a `StackStatus`; after the latter each `Event` comes as
``{"v": 1, "event": {…}}``. ``restart`` answers with a `RoleStatus` once the role is ready again. ``down`` answers at
once; the end of the connection is the end of the supervisor. Whoever sends what is not understood is told so, and
disconnected when there is no way to go on.
"""

from __future__ import annotations

import json

from xr_ai_launcher._dataclasses import dataclass

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ("LONGEST_LINE_BYTES", "SOCKET_NAME", "VERSION", "ProtocolError", "Request", "encode", "parse_request")

VERSION = 1
SOCKET_NAME = "control"
LONGEST_LINE_BYTES = 64 << 10
"""Of a request; answers may be longer."""
REQUESTS = ("status", "subscribe", "restart", "down")


class ProtocolError(Exception):
    """A line that is no request; ``id`` is the request's, if it could be read."""

    def __init__(self, message: str, id: int | None = None) -> None:
        super().__init__(message)
        self.id = id


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants."""

    id: int
    kind: str
    role: str = ""


def encode(message: Mapping[str, Any]) -> bytes:
    """Return one line, newline included, with the protocol's version."""
    return json.dumps({"v": VERSION, **message}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse_request(line: bytes) -> Request:
    """Read one line of a client.

    Raises:
        ProtocolError: it is no request of this version; the message is a sentence for whoever sent it.
    """
    try:
        message = json.loads(line)
    except ValueError as error:
        raise ProtocolError(f"expected one JSON object in one line: {error}") from None
    except RecursionError:
        raise ProtocolError("expected one JSON object in one line, not so deep a one") from None
    if not isinstance(message, dict):
        raise ProtocolError('expected a JSON object such as {"v": 1, "id": 1, "request": "status"}')
    id = message.get("id")
    if not isinstance(id, int) or isinstance(id, bool):
        raise ProtocolError('expected an "id", a whole number that the answer will have')
    if message.get("v") != VERSION:
        raise ProtocolError(
            f"this launcher speaks version {VERSION} of the control protocol, not {message.get('v')!r}: "
            "use the xrstack that started it",
            id,
        )
    kind, role = message.get("request"), message.get("role", "")
    if kind not in REQUESTS:
        raise ProtocolError(f"expected a request of {', '.join(REQUESTS)}, found {kind!r}", id)
    if not isinstance(role, str) or (kind == "restart") != bool(role):
        raise ProtocolError(f'expected "role" with restart, and only there, found {role!r}', id)
    return Request(id, kind, role)
