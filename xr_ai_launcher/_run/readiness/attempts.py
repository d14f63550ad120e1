"""One try of each probe that has to ask: returns when the role is ready, raises `NotReady` with the reason if not."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from xr_ai_launcher._run.ports import describe_holder, holder_among, listener_for
from xr_ai_launcher._stack.plan import HttpProbe, McpProbe, TcpProbe

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

Members = Callable[[], list[int]]
"""Returns the processes that may answer; None in its place means anyone may."""

_TIMEOUT_S = 2.0
_MCP_TIMEOUT_S = 10.0
_SHOWN_BODY_CHARS = 120
_MCP_PROTOCOL = "2025-06-18"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class NotReady(Exception):
    """Not yet. ``is_answering``: someone is there who says so, rather than nobody at all."""

    def __init__(self, reason: str, *, is_answering: bool = False) -> None:
        super().__init__(reason)
        self.is_answering = is_answering


def attempt_tcp(probe: TcpProbe, members: Members | None) -> None:
    """Connect; the socket that accepts must be the role's own."""
    _connect(probe.host, probe.port, members).close()


def attempt_file(path: str, started_ns: int) -> None:
    """Look for a file made, or written, since the role started."""
    try:
        modified_ns = os.stat(path).st_mtime_ns
    except OSError as error:
        raise NotReady(f"{path}: {error.strerror}") from error
    if modified_ns < started_ns:
        raise NotReady(f"{path} is older than the role's start: left by an earlier run")


def attempt_http(probe: HttpProbe, members: Members | None) -> None:
    """GET the URL."""
    with _request("GET", probe.url, members, verify_tls=probe.verify_tls) as response:
        accepted = response.status in probe.statuses if probe.statuses else 200 <= response.status < 300
        if not accepted:
            raise NotReady(f"GET {probe.url} answered {_shown(response)}", is_answering=True)


def attempt_mcp(probe: McpProbe, members: Members | None) -> None:
    """Open an MCP session and list the tools, as a client would."""
    hello = {
        "protocolVersion": _MCP_PROTOCOL,
        "capabilities": {},
        "clientInfo": {"name": "xrstack", "version": "0"},
    }
    session = _mcp_call(probe.url, members, {"id": 1, "method": "initialize", "params": hello}, None)
    try:
        _mcp_call(probe.url, members, {"method": "notifications/initialized"}, session)
        _mcp_call(probe.url, members, {"id": 2, "method": "tools/list", "params": {}}, session)
    finally:
        if session:
            _end_mcp_session(probe.url, members, session)


def _mcp_call(url: str, members: Members | None, message: dict[str, object], session: str | None) -> str | None:
    """POST one JSON-RPC message, check that its answer is no error, and return the session's id."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if session:
        headers |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": _MCP_PROTOCOL}
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    with _request("POST", url, members, body=body, headers=headers, timeout_s=_MCP_TIMEOUT_S) as response:
        if response.status not in (200, 202):
            raise NotReady(f"{message['method']} at {url} answered {_shown(response)}", is_answering=True)
        if "id" in message:
            _check_answer(response, url, message)
        return response.headers.get("Mcp-Session-Id")


def _check_answer(response: HTTPResponse, url: str, message: dict[str, object]) -> None:
    for line in response:
        text = line.strip().removeprefix(b"data:").strip()
        if not text.startswith(b"{"):
            continue
        try:
            answer = json.loads(text)
        except ValueError:
            continue
        if answer.get("id") == message["id"]:
            if "result" in answer:
                return
            raise NotReady(f"{message['method']} at {url} failed: {answer.get('error')}", is_answering=True)
    raise NotReady(f"{message['method']} at {url} got no MCP answer: is it an MCP server's path?", is_answering=True)


def _end_mcp_session(url: str, members: Members | None, session: str) -> None:
    try:
        with _request("DELETE", url, members, headers={"Mcp-Session-Id": session}):
            pass
    except NotReady:
        pass  # a courtesy: servers without it answer 405 or forget the session by themselves


class _Exchange:
    """A response together with the connection that must be closed after it."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection, self._response = connection, response

    def __enter__(self) -> HTTPResponse:
        return self._response

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _request(
    method: str,
    url: str,
    members: Members | None,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    verify_tls: bool = True,
    timeout_s: float = _TIMEOUT_S,
) -> _Exchange:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 80)
    raw = _connect(host, port, members)
    # Only now, with someone there, is the HTTP machinery worth its import time.
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(host, port)
    try:
        raw.settimeout(timeout_s)
        connection.sock = _wrap_tls(raw, host, verify_tls) if parts.scheme == "https" else raw
        connection.request(method, _target(parts), body, headers or {})
        return _Exchange(connection, connection.getresponse())
    except (OSError, HTTPException) as error:
        connection.close()
        raw.close()
        raise NotReady(f"{method} {url}: {_words(error)}", is_answering=True) from error


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _wrap_tls(raw: socket.socket, host: str, verify: bool) -> socket.socket:
    import ssl

    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw, server_hostname=host)


def _connect(host: str, port: int, members: Members | None) -> socket.socket:
    """Connect, and make sure that the role's own processes are what answers."""
    try:
        connection = socket.create_connection((host, port), timeout=_TIMEOUT_S)
    except OSError as error:
        raise NotReady(f"{host}:{port}: {_words(error)}") from error
    try:
        if members is not None:
            _check_owner(connection, members)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: socket.socket, members: Members) -> None:
    address, port = connection.getpeername()[:2]
    if connection.getsockname()[0] != address:
        return  # another machine: there is no process of ours to look for
    listener = listener_for(address, port)
    if listener is None:
        raise NotReady(f"{address}:{port} closed again")
    if holder_among(members(), listener.inode) is None:
        holder = describe_holder(listener.inode)
        raise NotReady(
            f"port {port} is held by {holder}, which is not part of this role (where a container runtime or another "
            "service holds it for the role, say so with `ports_by: anyone`)",
            is_answering=True,
        )


def _shown(response: HTTPResponse) -> str:
    body = response.read(_SHOWN_BODY_CHARS).decode(errors="replace").strip()
    return f"{response.status}: {' '.join(body.split())}" if body else f"{response.status} {response.reason}"


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text[:1].lower() + text[1:] if text else type(error).__name__
