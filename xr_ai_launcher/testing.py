"""A test kit for people who write stacks, and a pytest plugin::

    def test_my_stack(stack_project):
        stack = stack_project({"stack.yaml": '''
            stack: mine
            roles:
              web: {command: python -m http.server 8123, ports: {http: 8123}, ready: {tcp: http}}
        '''}).up()
        stack.wait_ready()
        stack.role("web").kill()
        assert stack.wait() != 0
        assert "web ended" in stack.output

Real launchers, real programs, no sleeps: every wait is for a state, has a deadline, and fails with what the stack said.
Whatever a test leaves running is gone after it. The plugin is there once xr-ai-launcher is installed.
"""

import contextlib
import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from xr_ai_launcher._child import Notices, up_command
from xr_ai_launcher._stack.options import StackOptions

__all__ = (
    "RunningStack",
    "StackProject",
    "free_port",
    "launch",
    "marked_processes",
    "stack_project",
    "variable_of",
    "wait_for",
)

READY_DEADLINE_S = 60.0
END_DEADLINE_S = 30.0
_LOOK_AGAIN_S = 0.01
_TAG_VARIABLE = "XRSTACK_TEST"
_ROLE_VARIABLE = "XR_ROLE"
ResultT = TypeVar("ResultT")
_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class RunningStack:
    """A launcher and everything it started, found by a mark in the environment wherever it has daemonised to."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._notices = Notices()
        self._tag = uuid.uuid4().hex
        self._lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment, **self._notices.environment(), _TAG_VARIABLE: self._tag},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        """The launcher."""
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Everything the launcher and its roles printed so far, without colours."""
        with self._news:
            return "".join(self._lines)

    @property
    def exit_code(self) -> int | None:
        """The launcher's exit code, None while it runs."""
        return self.process.poll()

    def wait_ready(self, within_s: float = READY_DEADLINE_S) -> None:
        """Return once every role is ready.

        Raises:
            AssertionError: the stack ended, or was not ready in time; its output is in the message.
        """
        pidfd = os.pidfd_open(self.process.pid)
        deadline = time.monotonic() + within_s
        try:
            while not self._notices.is_ready:
                left_s = max(0.0, deadline - time.monotonic())
                readable, _, _ = select.select([self._notices.fileno(), pidfd], [], [], left_s)
                self._notices.read()
                if not readable:
                    raise AssertionError(f"the stack was not ready within {within_s:g} s:\n{self.output}")
                if pidfd in readable and not self._notices.is_ready:
                    raise AssertionError(f"the stack ended with {self.wait()} before it was ready:\n{self.output}")
        finally:
            os.close(pidfd)

    def wait_for_output(self, words: str, within_s: float = END_DEADLINE_S) -> None:
        """Return once ``words`` have been printed.

        Raises:
            AssertionError: the stack ended without them, or they did not come in time.
        """
        deadline = time.monotonic() + within_s
        with self._news:
            while words not in "".join(self._lines):
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._reader.is_alive():
                    raise AssertionError(f"never printed: {words!r}\n{''.join(self._lines)}")
                self._news.wait(left_s)

    def wait(self, within_s: float = END_DEADLINE_S) -> int:
        """Wait for the end and return the exit code.

        Raises:
            AssertionError: it goes on.
        """
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the stack did not end within {within_s:g} s:\n{self.output}") from None
        self._reader.join(within_s)
        return code

    def stop(self, signum: signal.Signals = signal.SIGTERM, within_s: float = END_DEADLINE_S) -> int:
        """Send the launcher a signal and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.wait(within_s)

    def role(self, name: str) -> psutil.Process:
        """Return the process that the launcher started for a role: its pid, memory, ``kill()`` and the like.

        Raises:
            AssertionError: no such role runs.
        """
        members = {each.pid: each for each in self.processes() if variable_of(each.pid, _ROLE_VARIABLE) == name}
        leaders = [process for process in members.values() if _parent(process) not in members]
        assert leaders, f"no role {name} runs; running: {[_command(process) for process in self.processes()]}"
        return min(leaders, key=lambda process: (process.create_time(), process.pid))

    def processes(self) -> list[psutil.Process]:
        """Return every live process of the stack, the launcher's own included."""
        found = []
        for pid in marked_processes(f"{_TAG_VARIABLE}={self._tag}"):
            with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
                found.append(psutil.Process(pid))
        return found

    def end_all(self) -> None:
        """Stop the stack, and kill what is left of it."""
        with contextlib.suppress(AssertionError):
            self.stop()
        for survivor in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()
        self.process.wait()
        self._notices.close()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._news:
                    self._lines.append(_STYLE.sub("", line.decode(errors="replace")))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


class StackProject:
    """A folder with a stack and the files it needs."""

    def __init__(self, folder: Path, on_started: Callable[[RunningStack], None]) -> None:
        self.folder = folder
        self._on_started = on_started

    def write(self, name: str, content: str | Mapping[str, Any]) -> Path:
        """Write a file: text as it is but without common indentation, a mapping as JSON (which is YAML)."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(content).lstrip("\n") if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    def up(self, options: str = "", *, stack: str = "stack.yaml", env: Mapping[str, str] | None = None) -> RunningStack:
        """Run ``xrstack up STACK OPTIONS`` here; options as they are typed: ``"--profile p --set roles.web.gpu=1"``."""
        running = launch(self.folder / stack, options, folder=self.folder, env=env)
        self._on_started(running)
        return running

    def check(self, options: str = "", *, stack: str = "stack.yaml") -> subprocess.CompletedProcess[str]:
        """Run ``xrstack check STACK OPTIONS`` here; see its ``returncode`` and ``stderr``."""
        command = [*up_command(Path(stack), StackOptions())[:1], "-m", "xr_ai_launcher", "check", stack]
        return subprocess.run(
            [*command, *shlex.split(options)], cwd=self.folder, capture_output=True, text=True, timeout=END_DEADLINE_S
        )


def launch(
    stack: Path, options: str = "", *, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> RunningStack:
    """Run a stack outside of any fixture; whoever calls this calls `RunningStack.end_all` as well."""
    command = [*up_command(stack, StackOptions()), *shlex.split(options)]
    return RunningStack(command, folder or Path.cwd(), env or {})


def wait_for(look: Callable[[], ResultT], what: str = "", within_s: float = END_DEADLINE_S) -> ResultT:
    """Return the first true result of ``look``.

    Raises:
        AssertionError: there was none within ``within_s`` seconds; ``what`` says what was waited for.
    """
    deadline = time.monotonic() + within_s
    while not (result := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what or look}")
        time.sleep(_LOOK_AGAIN_S)
    return result


def marked_processes(*marks: str) -> list[int]:
    """Return the pids of all live processes that have each of ``marks`` (``NAME=value``) in their environment."""
    wanted = [f"\0{mark}\0".encode() for mark in marks]
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if (found := _environment(pid)) and all(mark in found for mark in wanted)]


def variable_of(pid: int, name: str) -> str | None:
    """Return a variable of a process as it was started with, None if it has none or does not live."""
    _, found, rest = _environment(pid).partition(f"\0{name}=".encode())
    return rest.partition(b"\0")[0].decode(errors="replace") if found else None


def free_port() -> int:
    """Return a port of 127.0.0.1 for a server to come, which the system gives to nobody who takes any for a minute.

    A connection of ours lingers there (TIME_WAIT): servers, which set SO_REUSEADDR, are not hindered by that.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            probe.accept()[0].close()  # first, so that it is this end which lingers
            client.recv(1)
    return port


@pytest.fixture
def stack_project(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str | Mapping[str, Any]]], StackProject]]:
    """Make a folder with the given files, ``stack.yaml`` among them; what is started there ends with the test."""
    started: list[RunningStack] = []

    def make(files: Mapping[str, str | Mapping[str, Any]]) -> StackProject:
        project = StackProject(tmp_path, started.append)
        for name, content in files.items():
            project.write(name, content)
        return project

    yield make
    for stack in started:
        stack.end_all()


def _environment(pid: int) -> bytes:
    """Variables with a zero byte on either side; of what has ended, also of a zombie, nothing."""
    try:
        found = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
    return b"\0" + found + b"\0" if found else b""


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # ended meanwhile
        return []


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
