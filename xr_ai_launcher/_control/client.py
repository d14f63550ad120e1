"""Asks and steers one running stack; a blocking connection that an event loop can watch as well."""

from __future__ import annotations

import itertools
import json
import os
import socket
import struct
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from xr_ai_launcher._control.errors import ConnectionLostError, RefusedError
from xr_ai_launcher._control.model import Event, RoleStatus, StackStatus
from xr_ai_launcher._control.protocol import SOCKET_NAME, VERSION, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from typing import Self

__all__ = ("Control",)

_ANSWER_TIMEOUT_S = 5.0
_RECEIVE_BYTES = 256 << 10
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Control:
    """A connection to the run whose private folder is ``runtime``.

    To follow a stack: `subscribe`, then iterate over `events`, or watch `fileno` and take `read_events` whenever it can
    be read. Requests in between are fine. Not for use by several threads at once.

    Raises:
        ConnectionLostError: nobody answers there. Every method may raise it later.
    """

    def __init__(self, runtime: str | PathLike[str]) -> None:
        self._path = os.path.join(runtime, SOCKET_NAME)
        self._ids = itertools.count(1)
        self._buffer = bytearray()
        self._answers: dict[int, dict[str, Any]] = {}
        self._events: deque[Event] = deque()
        self.is_closed = False
        """Whether the launcher has ended the connection; events that came before are still to be had."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        try:
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise ConnectionLostError(f"{self._path}: nobody answers there: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the stack goes on."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._socket.fileno()

    @property
    def peer_pid(self) -> int:
        """The process that made the socket, as the kernel knows it."""
        data = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(data)[0])

    def status(self) -> StackStatus:
        """Return how the stack is now."""
        return StackStatus.from_json(self._ask({"request": "status"}, _ANSWER_TIMEOUT_S))

    def subscribe(self) -> StackStatus:
        """Return how the stack is now; from here on every change comes as an event (see `StackStatus.after`)."""
        return StackStatus.from_json(self._ask({"request": "subscribe"}, _ANSWER_TIMEOUT_S))

    def restart(self, role: str, timeout_s: float | None = None) -> RoleStatus:
        """Stop a role by its own rules, start it again, and return once it is ready.

        Raises:
            RefusedError: there is no such role, it is not ours to restart, or the stack ended over it.
        """
        return RoleStatus.from_json(self._ask({"request": "restart", "role": role}, timeout_s))

    def down(self) -> None:
        """Tell the stack to stop; returns once that is understood."""
        self._ask({"request": "down"}, _ANSWER_TIMEOUT_S)

    def send(self, request: str, role: str = "") -> int:
        """Send a request without waiting for its `answer`; return the number by which it will be known."""
        id = next(self._ids)
        self._send(encode({"id": id, "request": request} | ({"role": role} if role else {})))
        return id

    def answer(self, id: int) -> dict[str, Any] | None:
        """Return the result of a request once it has arrived (with `read_events`), once; None before and after.

        Raises:
            RefusedError: the answer is no.
        """
        answer = self._answers.pop(id, None)
        if answer is not None and "error" in answer:
            raise RefusedError(str(answer["error"]))
        return None if answer is None else answer.get("result") or {}

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """Yield what happens until the launcher has ended, or nothing happened for ``timeout_s``."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self.is_closed or not self._receive(timeout_s):
                return

    def read_events(self) -> list[Event]:
        """Return what has happened since the last call, without waiting."""
        while not self.is_closed and self._receive(0.0):
            pass
        events = list(self._events)
        self._events.clear()
        return events

    def _ask(self, message: dict[str, str], timeout_s: float | None) -> dict[str, Any]:
        give_up_at = None if timeout_s is None else monotonic() + timeout_s
        id = self.send(**message)
        while id not in self._answers:
            left_s = None if give_up_at is None else give_up_at - monotonic()
            if self.is_closed:
                raise ConnectionLostError("the launcher ended before it answered")
            if left_s is not None and left_s <= 0:
                raise ConnectionLostError(f"process {self.peer_pid} does not answer (is it stopped?)")
            self._receive(left_s)
        return self.answer(id) or {}

    def _send(self, line: bytes) -> None:
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        try:
            self._socket.sendall(line)
        except OSError as error:
            while not self.is_closed and self._receive(0.0):
                pass  # why it hung up may have come before: then that is raised
            raise ConnectionLostError(f"the launcher does not listen: {error}") from None

    def _receive(self, timeout_s: float | None) -> bool:
        """Wait for data and take it in; False when none came in time. The end of the connection is data, too."""
        self._socket.settimeout(timeout_s)
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
        self._buffer += data
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        for line in lines:
            self._take(bytes(line))
        return True

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            version = message["v"]
        except (ValueError, TypeError, KeyError):
            raise ConnectionLostError(f"{self._path}: that is no launcher: it says {line[:80]!r}") from None
        if "error" in message and message.get("id") is None:
            raise RefusedError(str(message["error"]))
        if version != VERSION:
            raise RefusedError(
                f"the launcher speaks version {version} of the control protocol, not {VERSION}: "
                "use the xrstack that started it"
            )
        if "event" in message:
            self._events.append(Event.from_json(message["event"]))
        else:
            self._answers[message["id"]] = message
