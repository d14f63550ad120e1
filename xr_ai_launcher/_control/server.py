"""Answers on the control socket, within the supervisor's own loop: nothing runs while nobody is connected.

Clients may be slow, rude or broken. Each has a bounded share of memory and of each turn of the loop; beyond it the
client is disconnected, never waited for.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time

from xr_ai_launcher._control.model import Event
from xr_ai_launcher._control.protocol import (
    LONGEST_LINE_BYTES,
    SOCKET_NAME,
    ProtocolError,
    Request,
    encode,
    parse_request,
)

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from xr_ai_launcher._control.model import RoleStatus, StackStatus
    from xr_ai_launcher._run.loop import Loop, Timer
    from xr_ai_launcher._run.role import Role

    class Stack(Protocol):
        """What the server needs of the supervisor."""

        def status(self) -> StackStatus: ...
        def role_status(self, role: Role) -> RoleStatus: ...
        def restart_role(self, name: str) -> str: ...
        def stop(self, sentence: str) -> None: ...


__all__ = ("ControlServer", "listen_at")

_BACKLOG = 128
_MOST_CLIENTS = 64
_READ_BYTES = 16 << 10
# What a client has not taken yet; a status of 500 roles is 300 KiB.
_UNSENT_LIMIT_BYTES = 4 << 20
# A role may report progress a thousand times a second, a view draws ten times.
_CHATTER_PAUSE_S = 0.1
_CHATTER = frozenset({"status", "reason"})
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


def listen_at(folder: str) -> socket.socket:
    """Return a listening socket in a run's private folder.

    Raises:
        OSError: it cannot be made there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    path = os.path.join(folder, SOCKET_NAME)
    listener.bind(path)
    os.chmod(path, 0o600)  # before anyone can connect: nobody listens yet
    listener.listen(_BACKLOG)
    return listener


class ControlServer:
    """Serves one stack on one listening socket."""

    def __init__(self, loop: Loop, listener: socket.socket, stack: Stack, clean: Callable[[str], str]) -> None:
        """``clean`` takes secrets out of a text."""
        self._loop = loop
        self._listener = listener
        self._stack = stack
        self._clean = clean
        self._clients: set[_Client] = set()
        self._restarts: dict[str, list[tuple[_Client, int]]] = {}
        self._chatting: dict[str, tuple[str, Role, str]] = {}
        self._chatter_timer: Timer | None = None
        loop.add_reader(listener.fileno(), self._accept)

    def take(self, kind: str, role: Role | None, text: str, exit_code: int | None) -> None:
        """Pass one event on to those who subscribed, and to those who wait for it."""
        if role is not None:
            self._answer_restart(kind, role, text)
        if kind == "stop":
            self._give_up_restarts(text)
        if not any(client.is_subscribed for client in self._clients):
            return
        if kind in _CHATTER and role is not None:
            self._chatting[f"{kind} {role.name}"] = (kind, role, text)
            if self._chatter_timer is None:
                self._chatter_timer = self._loop.call_later(_CHATTER_PAUSE_S, self._send_chatter)
            return
        if kind == "ending" and self._chatter_timer is not None:
            self._chatter_timer.cancel()
            self._send_chatter()
        self._send_event(kind, role, text, exit_code)

    def close(self) -> None:
        """Let out what can go at once, and disconnect everyone."""
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for client in list(self._clients):
            client.close()

    # -- clients

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # gone again, or no descriptor is left for it
        connection.setblocking(False)
        client = _Client(self._loop, connection, self._serve, self._clients.discard)
        self._clients.add(client)
        if not _is_friend(connection):
            client.refuse("this stack belongs to another user")
        elif len(self._clients) > _MOST_CLIENTS:
            client.refuse(f"there are {_MOST_CLIENTS} connections already; end some (`logs -f`, `tui` …)")

    def _serve(self, client: _Client, line: bytes) -> None:
        try:
            request = parse_request(line)
        except ProtocolError as error:
            client.send({"id": error.id, "error": str(error)})
            return
        self._answer(client, request)

    def _answer(self, client: _Client, request: Request) -> None:
        match request.kind:
            case "status":
                client.send({"id": request.id, "result": self._stack.status().as_json()})
            case "subscribe":
                client.is_subscribed = True
                client.send({"id": request.id, "result": self._stack.status().as_json()})
            case "restart":
                self._restarts.setdefault(request.role, []).append((client, request.id))
                objection = self._stack.restart_role(request.role)
                if objection:
                    self._restarts[request.role].remove((client, request.id))
                    client.send({"id": request.id, "error": objection})
            case "down":
                client.send({"id": request.id, "result": {}})
                self._stack.stop("stopped by xrstack down")

    def _answer_restart(self, kind: str, role: Role, text: str) -> None:
        if kind == "ready":
            answer: dict[str, Any] = {"result": self._stack.role_status(role).as_json()}
        elif kind == "exit" and role.plan.on_exit == "ignore" and not role.is_restarting:
            answer = {"error": self._clean(text)}
        else:
            return
        for client, id in self._restarts.pop(role.name, ()):
            client.send({"id": id, **answer})

    def _give_up_restarts(self, sentence: str) -> None:
        for waiting in self._restarts.values():
            for client, id in waiting:
                client.send({"id": id, "error": f"the stack stops: {self._clean(sentence)}"})
        self._restarts.clear()

    # -- events

    def _send_chatter(self) -> None:
        self._chatter_timer = None
        waiting, self._chatting = self._chatting, {}
        for kind, role, text in waiting.values():
            self._send_event(kind, role, text, None)

    def _send_event(self, kind: str, role: Role | None, text: str, exit_code: int | None) -> None:
        status = None if role is None else self._stack.role_status(role)
        event = Event(kind, time.time(), status, self._clean(text), exit_code)  # type: ignore[arg-type]
        line = encode({"event": event.as_json()})
        for client in [client for client in self._clients if client.is_subscribed]:
            client.send_line(line)


class _Client:
    """One connection: whole lines in, whole lines out, both bounded."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        on_line: Callable[[_Client, bytes], None],
        on_closed: Callable[[_Client], None],
    ) -> None:
        self.is_subscribed = False
        self._loop = loop
        self._connection = connection
        self._on_line = on_line
        self._on_closed = on_closed
        self._received = b""
        self._unsent = b""
        self._is_listening = True
        self._is_closed = False
        loop.add_reader(connection.fileno(), self._read)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, now or when the client takes it."""
        self.send_line(encode(message))

    def send_line(self, line: bytes) -> None:
        """Send an encoded message."""
        if self._is_closed or not self._is_listening:
            return
        was_waiting = bool(self._unsent)
        self._unsent += line
        if not was_waiting:
            self._write()
        if len(self._unsent) > _UNSENT_LIMIT_BYTES:
            self.close()

    def refuse(self, sentence: str) -> None:
        """Say why not, and end the connection."""
        self.send({"id": None, "error": sentence})
        self.close()

    def close(self) -> None:
        """End the connection."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._connection.fileno())
            self._connection.close()
            self._on_closed(self)

    def _read(self) -> None:
        try:
            data = self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            if line.strip() and not self._is_closed:
                self._on_line(self, line)
        if len(self._received) > LONGEST_LINE_BYTES:
            self.refuse(f"expected a line of at most {LONGEST_LINE_BYTES} bytes")

    def _write(self) -> None:
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            # It has left. What it asked for before, a `down` most of all, may be unread yet; `_read` meets its end.
            self._is_listening, self._unsent = False, b""
            self._loop.remove_writer(self._connection.fileno())
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._connection.fileno(), self._write)
        else:
            self._loop.remove_writer(self._connection.fileno())


def _is_friend(connection: socket.socket) -> bool:
    """Whether the other end is this user or root; the folder's mode says the same, unless somebody changed it."""
    with contextlib.suppress(OSError):
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return _CREDENTIALS.unpack(data)[1] in (0, os.getuid())
    return False
