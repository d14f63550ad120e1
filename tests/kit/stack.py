"""A stack as a user runs it: the `xrstack` command as a child process, its output in a file."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from kit.processes import tagged_processes

__all__ = ("ROOT", "RunningStack", "running_stack")

ROOT = Path(__file__).resolve().parents[2]
_TAG = "XR_TEST_STACK"
# Twice the promised 15 s would already be a defect; the rest is for a machine that runs other things beside the test.
_READY_DEADLINE_S = 120.0
_STOP_DEADLINE_S = 30.0
_MESSAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that has said it is ready (sd_notify).

    Attributes:
        process: the launcher.
        log: file that receives everything the launcher prints.
        tag: value that marks every process of this stack in its environment.
    """

    process: subprocess.Popen[bytes]
    log: Path
    tag: str

    def output(self) -> str:
        """Everything printed so far, without colours."""
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.log.read_text(errors="replace"))

    def processes(self) -> list[psutil.Process]:
        """Every live process of the stack, the launcher included."""
        return tagged_processes(_TAG, self.tag)

    def role(self, name_in_command: str) -> psutil.Process:
        """The one process whose command line names ``name_in_command``."""
        found = [p for p in self.processes() if any(Path(word).name == name_in_command for word in p.cmdline()[:3])]
        assert len(found) == 1, f"{name_in_command}: {[p.cmdline() for p in found]}"
        return found[0]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the launcher a signal and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_STOP_DEADLINE_S)


@contextmanager
def running_stack(stack: str, *arguments: str, env: dict[str, str] | None = None) -> Iterator[RunningStack]:
    """Run ``xrstack up stacks/STACK`` from its readiness until the block ends; nothing of it survives the block.

    Raises:
        AssertionError: the stack ended or stayed silent instead of getting ready; its output is in the message.
    """
    with (
        tempfile.TemporaryDirectory(prefix="xr-s-") as name,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
    ):
        folder = Path(name)
        notify.bind(str(folder / "notify"))
        tag = uuid.uuid4().hex
        log = folder / "log"
        environment = {**os.environ, **(env or {}), _TAG: tag, "NOTIFY_SOCKET": str(folder / "notify")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(stack, arguments), stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment
            )
        running = RunningStack(process, log, tag)
        try:
            _wait_until_ready(running, notify)
            yield running
        finally:
            with suppress(subprocess.TimeoutExpired):
                running.stop()
            for survivor in running.processes():
                with suppress(psutil.NoSuchProcess):
                    survivor.kill()
            process.wait()


def _command(stack: str, arguments: Sequence[str]) -> list[str]:
    return [str(Path(sys.executable).parent / "xrstack"), "up", f"stacks/{stack}", *arguments]


def _wait_until_ready(stack: RunningStack, notify: socket.socket) -> None:
    pidfd = os.pidfd_open(stack.process.pid)
    try:
        while True:
            readable, _, _ = select.select([notify.fileno(), pidfd], [], [], _READY_DEADLINE_S)
            if notify.fileno() in readable:
                if b"READY=1" in notify.recv(_MESSAGE_BYTES).split(b"\n"):
                    return
            elif pidfd in readable:
                raise AssertionError(
                    f"the stack exited with {stack.process.wait()} before it was ready:\n{stack.output()}"
                )
            else:
                raise AssertionError(f"the stack was not ready within {_READY_DEADLINE_S} s:\n{stack.output()}")
    finally:
        os.close(pidfd)
