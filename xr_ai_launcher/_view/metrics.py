"""``/metrics`` for Prometheus, answered from the supervisor's loop: nothing runs between two scrapes."""

from __future__ import annotations

import socket

from xr_ai_launcher._stack.free_ports import METRICS_HOST
from xr_ai_launcher._view.figures import Sampler
from xr_ai_launcher._view.words import state_word

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xr_ai_launcher._control.model import RoleStatus, StackStatus
    from xr_ai_launcher._run.loop import Loop, Timer
    from xr_ai_launcher._run.report import Report
    from xr_ai_launcher._view.figures import Figures

__all__ = ("MetricsServer", "metrics_text", "serve_metrics")

_BACKLOG = 8
_MOST_CLIENTS = 16
_LONGEST_REQUEST_BYTES = 16 << 10
_CLIENT_TIMEOUT_S = 5.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def serve_metrics(
    port: int, loop: Loop, read_status: Callable[[], StackStatus], report: Report
) -> MetricsServer | None:
    """Serve on a port of this machine; a port that is taken is said, and does not end the stack."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((METRICS_HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        report.bad(f"no metrics: port {port} on {METRICS_HOST}: {error.strerror}; choose another with --metrics PORT")
        return None
    server = MetricsServer(listener, loop, read_status)
    report.good(f"metrics: {server.url}")
    return server


class MetricsServer:
    """Answers one request per connection, for few clients at a time, none of which is waited for."""

    def __init__(self, listener: socket.socket, loop: Loop, read_status: Callable[[], StackStatus]) -> None:
        self._listener = listener
        self._loop = loop
        self._read_status = read_status
        self._sampler = Sampler()
        self._clients: dict[socket.socket, tuple[bytes, Timer]] = {}
        loop.add_reader(listener.fileno(), self._accept)

    @property
    def url(self) -> str:
        """What a scraper is given."""
        return f"http://{METRICS_HOST}:{self._listener.getsockname()[1]}/metrics"

    def resized(self) -> None:
        """Of no interest here."""

    def hold(self) -> None:
        """Of no interest here."""

    def resume(self) -> None:
        """Of no interest here."""

    def close(self) -> None:
        """Stop serving."""
        for client in list(self._clients):
            self._drop(client)
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # gone again, or no descriptor is left for it
        if len(self._clients) >= _MOST_CLIENTS:
            client.close()
            return
        client.setblocking(False)
        self._clients[client] = b"", self._loop.call_later(_CLIENT_TIMEOUT_S, lambda: self._drop(client))
        self._loop.add_reader(client.fileno(), lambda: self._read(client))

    def _read(self, client: socket.socket) -> None:
        received, timer = self._clients[client]
        try:
            data = client.recv(_LONGEST_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        received += data
        self._clients[client] = received, timer
        if not data or len(received) > _LONGEST_REQUEST_BYTES:
            self._drop(client)
        elif b"\r\n\r\n" in received or b"\n\n" in received:
            self._answer(client, received.partition(b"\r\n")[0].decode("latin-1"))

    def _answer(self, client: socket.socket, request_line: str) -> None:
        method, _, target = request_line.partition(" ")
        path = target.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            head, body = "405 Method Not Allowed\r\nAllow: GET, HEAD", "GET /metrics\n"
        elif path != "/metrics":
            head, body = "404 Not Found", "there is /metrics and nothing else\n"
        else:
            head, body = "200 OK", self._text()
        content = body.encode()
        header = (
            f"HTTP/1.1 {head}\r\nContent-Type: {_CONTENT_TYPE}\r\nContent-Length: {len(content)}\r\n"
            "Connection: close\r\n\r\n"
        )
        try:
            # Fits the socket's buffer, also for hundreds of roles; a client that does not read loses the rest.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(header) + len(content))
            client.send(header.encode() + (b"" if method == "HEAD" else content))
        except OSError:
            pass  # the client left
        self._drop(client)

    def _text(self) -> str:
        status = self._read_status()
        leaders = {role.name: role.pid for role in status.roles if role.pid is not None}
        return metrics_text(status, self._sampler.read(leaders))

    def _drop(self, client: socket.socket) -> None:
        known = self._clients.pop(client, None)
        if known is not None:
            known[1].cancel()
            self._loop.remove_reader(client.fileno())
            client.close()


def metrics_text(status: StackStatus, figures: dict[str, Figures]) -> str:
    """Return the figures in Prometheus' text format."""
    return "".join(f"{line}\n" for line in _lines(status, figures))


def _lines(status: StackStatus, figures: dict[str, Figures]) -> Iterator[str]:
    stack = _quoted(status.stack)
    yield from _head("xrstack_up", "gauge", "Whether every role is ready.")
    yield f'xrstack_up{{stack="{stack}"}} {int(status.state == "up")}'
    yield from _head("xrstack_start_time_seconds", "gauge", "When the stack was started (Unix time).")
    yield f'xrstack_start_time_seconds{{stack="{stack}"}} {status.started:.3f}'
    for name, kind, text, value in _ROLE_METRICS:
        yield from _head(name, kind, text)
        for role in status.roles:
            number = value(role, figures.get(role.name))
            if number is not None:
                yield f'{name}{{stack="{stack}",role="{_quoted(role.name)}"}} {number}'
    yield from _head("xrstack_role_state", "gauge", "1 for the state in which the role is.")
    for role in status.roles:
        yield f'xrstack_role_state{{stack="{stack}",role="{_quoted(role.name)}",state="{state_word(role)}"}} 1'


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _cpu_seconds(_role: RoleStatus, figures: Figures | None) -> float | None:
    return None if figures is None else figures.cpu_s


def _memory_bytes(_role: RoleStatus, figures: Figures | None) -> float | None:
    return None if figures is None else figures.memory_bytes


# fmt: off
_ROLE_METRICS: tuple[tuple[str, str, str, Callable[[RoleStatus, Figures | None], float | None]], ...] = (
    ("xrstack_role_up", "gauge", "Whether the role is ready.", lambda role, _: int(role.state == "ready")),
    ("xrstack_role_restarts_total", "counter", "How often the role was started again.", lambda role, _: role.restarts),
    ("xrstack_role_ready_seconds", "gauge", "From its start to its readiness.", lambda role, _: role.ready_after_s),
    ("xrstack_role_memory_bytes", "gauge", "Resident memory of its processes.", _memory_bytes),
    ("xrstack_role_cpu_seconds_total", "counter", "Processor time of its present processes.", _cpu_seconds),
)
# fmt: on
