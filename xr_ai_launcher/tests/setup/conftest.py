"""A web server that misbehaves on request, and setups taken by a process of their own."""

import contextlib
import hashlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import pytest

from xr_ai_launcher._stack.plan import SetupPlan, StackPlan
from xr_ai_launcher.testing import wait_for

DEADLINE_S = 30.0
POLL_S = 0.01
_CUT_ONCE = ("truncate", "no-range", "refuses-range")
"""How long a server takes to notice that it is to end."""
PROGRAM = b"#!/bin/sh\necho downloaded\n" + os.urandom(600_000)


class FileServer:
    """Serves `content` at every path; what the path begins with says how badly.

    ``/stall`` stops in the middle and never ends; ``/truncate`` closes in the middle the first time and honours Range
    afterwards; ``/always-truncate`` never gets further; ``/missing`` is 404, ``/broken`` 500; ``/moved`` redirects to
    ``/file``, ``/loop`` to itself; ``/no-range`` truncates once and ignores Range, ``/refuses-range`` refuses it.
    """

    def __init__(self) -> None:
        self.content = PROGRAM
        self.requests: list[tuple[str, str | None]] = []
        self.released = threading.Event()
        """Ends the stalled answers."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append((self.path, self.headers.get("Range")))
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{path}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        kind = request.path.split("/")[1]
        if kind in ("missing", "broken"):
            request.send_error(404 if kind == "missing" else 500)
        elif kind in ("moved", "loop"):
            request.send_response(302)
            request.send_header("Location", "/file/tool" if kind == "moved" else request.path)
            request.end_headers()
        else:
            self._send(request, kind)

    def _send(self, request: BaseHTTPRequestHandler, kind: str) -> None:
        start, is_first = 0, len([path for path, _ in self.requests if path == request.path]) == 1
        wanted = request.headers.get("Range")
        if wanted and kind not in ("no-range", "always-truncate"):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        body = self.content[start:]
        if start and kind == "refuses-range":
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("ETag", '"one"')
        request.end_headers()
        is_cut = kind == "always-truncate" or (kind in _CUT_ONCE and is_first) or kind == "stall"
        request.wfile.write(body[: len(body) // 2] if is_cut else body)
        if kind == "stall":
            request.wfile.flush()
            self.released.wait()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[FileServer]:
    """The misbehaving web server."""
    running = FileServer()
    yield running
    running.close()


class ForkServer:
    """A process that takes setup steps in children of its own (see `prepare.py`)."""

    def __init__(self) -> None:
        toy = Path(__file__).parent / "prepare.py"
        self._process = subprocess.Popen(
            [sys.executable, str(toy)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._codes: dict[int, int] = {}

    def begin(self, **job: object) -> tuple[int, int]:
        """Begin a preparation and return its process' number, and a descriptor that means this process for ever."""
        self._write(job)
        while (news := self._read()) and "begun" not in news:
            pass
        pid = news["begun"]
        pidfd = os.pidfd_open(pid)
        self._write(None)
        return pid, pidfd

    def code_of(self, pid: int) -> int:
        """Return the exit code of a preparation that has ended."""
        while pid not in self._codes:
            self._read()
        return self._codes[pid]

    def close(self) -> None:
        self._process.communicate()

    def _write(self, job: object) -> None:
        assert self._process.stdin is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)

    def _read(self) -> dict[str, int]:
        assert self._process.stdout is not None
        news: dict[str, int] = json.loads(self._process.stdout.readline())
        if "ended" in news:
            self._codes[news["ended"]] = news["code"]
        return news


class ForkedProcess:
    """A child of the fork server, used as if it were our own."""

    def __init__(self, server: ForkServer, **job: object) -> None:
        self.pid, self._pidfd = server.begin(**job)
        self._server = server

    def poll(self) -> int | None:
        return self._server.code_of(self.pid) if select.select([self._pidfd], [], [], 0)[0] else None

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        assert select.select([self._pidfd], [], [], deadline_s)[0], f"not ended within {deadline_s} s"
        return self._server.code_of(self.pid)

    def send_signal(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        os.close(self._pidfd)


class Preparation:
    """A process that calls `prepare` on a plan."""

    def __init__(
        self, server: ForkServer, steps: tuple[SetupPlan, ...], folder: Path, environment: dict[str, str]
    ) -> None:
        number = len(list(folder.glob("plan*")))
        plan, self._exports = folder / f"plan{number}", folder / f"exports{number}"
        plan.write_bytes(pickle.dumps(StackPlan("toy", str(folder / "stack.yaml"), (), setup=steps)))
        self._stderr = folder / f"stderr{number}"
        self._stderr.touch()
        files = {"plan": str(plan), "exports": str(self._exports), "said": str(self._stderr)}
        self.process = ForkedProcess(server, **files, environment=environment)

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(errors="replace")

    @property
    def exports(self) -> dict[str, str]:
        loaded = pickle.loads(self._exports.read_bytes())
        assert isinstance(loaded, dict)
        return loaded

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        return self.process.wait(deadline_s)

    def wait_for_words(self, words: str) -> None:
        wait_for(lambda: words in self.stderr, f"{words!r}; there is: {self.stderr}")


class Prepare(Protocol):
    def __call__(self, *steps: SetupPlan, env: dict[str, str] = ...) -> Preparation: ...


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    """What the preparations of a module are forked from."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def prepare(fork_server: ForkServer, tmp_path: Path) -> Iterator[Prepare]:
    """Begin to take setup steps; all runs of a test share their state."""
    begun: list[Preparation] = []

    def begin(*steps: SetupPlan, env: dict[str, str] | None = None) -> Preparation:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        environment = inherited | {"XDG_STATE_HOME": str(tmp_path / "state")} | (env or {})
        begun.append(Preparation(fork_server, steps, tmp_path, environment))
        return begun[-1]

    yield begin
    for preparation in begun:
        preparation.process.kill()
        preparation.process.wait()
        preparation.process.close()
