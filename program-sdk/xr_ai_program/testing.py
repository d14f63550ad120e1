"""Test kit: run a program of ours as the real child process it is, and wait for states instead of sleeping."""

import asyncio
import inspect
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

__all__ = ("RunningProgram", "eventually", "flite_wav", "running_program")

ResultT = TypeVar("ResultT")

# Far above any start here: two busy cores and a cold cache; a program that hangs is reported, not waited for.
_READY_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 10.0
_MESSAGE_BYTES = 4096
_LOOK_AGAIN_S = 0.01
_SPEAK_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """A program that has said READY.

    Attributes:
        process: the child.
        log: file that receives its stdout and stderr.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_DEADLINE_S)


async def eventually(
    look: Callable[[], ResultT | Awaitable[ResultT]], what: str = "", within_s: float = 30.0
) -> ResultT:
    """Return the first true result of ``look``, a function or a coroutine function, while the event loop runs on.

    Raises:
        AssertionError: there was none within ``within_s`` seconds; ``what`` says what was waited for.
    """
    end = time.monotonic() + within_s
    while True:
        found = look()
        result = await found if inspect.isawaitable(found) else found
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s:g} s: {what or look}")
        await asyncio.sleep(_LOOK_AGAIN_S)


def flite_wav(text: str, voice: str = "rms") -> bytes:
    """Return a WAV file (16-bit mono) in which flite, which is not the agent's own voice, says ``text``."""
    command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    return subprocess.run(command, check=True, capture_output=True, timeout=_SPEAK_LIMIT_S).stdout


@contextmanager
def running_program(
    module: str,
    config: Mapping[str, Any] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[RunningProgram]:
    """Run ``python -m MODULE --config FILE`` with ``config`` as its YAML, from its READY until the block ends.

    Raises:
        AssertionError: it exited or stayed silent instead of getting ready; its output is in the message.
    """
    with (
        tempfile.TemporaryDirectory(prefix="xr-t-") as name,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
    ):
        folder = Path(name)
        notify.bind(str(folder / "notify"))
        argv = [sys.executable, "-m", module]
        if config is not None:
            (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
            argv += ["--config", str(folder / "config.yaml")]
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {}), "NOTIFY_SOCKET": str(folder / "notify")},
            )
        program = RunningProgram(process, log)
        try:
            _wait_until_ready(program, notify, module)
            yield program
        finally:
            with suppress(subprocess.TimeoutExpired):
                program.stop()
            if process.poll() is None:
                process.kill()
                process.wait()


def _wait_until_ready(program: RunningProgram, notify: socket.socket, module: str) -> None:
    pidfd = os.pidfd_open(program.process.pid)
    try:
        while True:
            readable, _, _ = select.select([notify.fileno(), pidfd], [], [], _READY_DEADLINE_S)
            if notify.fileno() in readable:
                if b"READY=1" in notify.recv(_MESSAGE_BYTES).split(b"\n"):
                    return
            elif pidfd in readable:
                code = program.process.wait()
                raise AssertionError(f"{module} exited with {code} before it was ready:\n{program.output()}")
            else:
                raise AssertionError(f"{module} was not ready within {_READY_DEADLINE_S} s:\n{program.output()}")
    finally:
        os.close(pidfd)
