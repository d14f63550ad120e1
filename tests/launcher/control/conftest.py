"""Real stacks, run by the real command line, in folders of their own; whatever a test leaves running is ended."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.model import StackStatus
from xr_ai_launcher._control.runs import find_runs
from xr_ai_launcher.cli import main
from xr_ai_launcher.testing import marked_processes, wait_for

XRSTACK = Path(sys.executable).parent / "xrstack"
DEADLINE_S = 30.0


def wait_for_rest(pid: int) -> None:
    """Wait for a whole second in which a process hardly wakes; one that asks again and again never has it."""

    def rests() -> bool:
        before = _wake_ups(pid)
        time.sleep(1.0)  # the time is what is looked at
        return _wake_ups(pid) - before <= 1

    wait_for(rests, f"rest of process {pid}")


def _wake_ups(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))


class Project:
    """A folder with a stack file, and its own places for sockets and logs."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="xr-"))  # short: sockets live below it
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        self.environment = inherited | {
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        self._mark = f"XDG_RUNTIME_DIR={self.folder}"
        self._count = 0
        self._children: list[subprocess.Popen[bytes]] = []

    def stack(self, text: str, name: str = "stack.yaml") -> None:
        """Write a stack file."""
        (self.folder / name).write_text(textwrap.dedent(text))

    def start(self, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a command; its words are to be had by `said`."""
        self._count += 1
        path = self.folder / f"said-{self._count}"
        with path.open("wb") as said:
            process = subprocess.Popen(
                [str(XRSTACK), *words],
                cwd=self.folder,
                env=self.environment | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self._children.append(process)
        process.said = lambda: path.read_text(errors="replace")  # type: ignore[attr-defined]
        return process

    def run(self, *words: str, deadline_s: float = DEADLINE_S) -> subprocess.CompletedProcess[str]:
        """Run a command to its end: `up` as a process, which it makes others of; the others here, which is quick."""
        if words[0] == "up":
            return subprocess.run(
                [str(XRSTACK), *words],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=deadline_s,
                check=False,
            )
        names = ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        with (
            contextlib.chdir(self.folder),
            pytest.MonkeyPatch.context() as patch,
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
        ):
            for name in names:
                patch.setenv(name, self.environment[name])
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words)
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read())
        return subprocess.CompletedProcess(words, code, *said)

    def up(self, *words: str) -> StackStatus:
        """Start the stack, as its launcher's parent, and return how it is once it is up."""
        before = {run.run_id for run in self.runs()}
        process = self.start("up", *words)

        def is_up() -> StackStatus | None:
            assert process.poll() is None, process.said()
            news = [run for run in self.runs() if run.run_id not in before and not run.persists]
            return next((run for run in news if run.state == "up"), None)

        return wait_for(is_up, "the stack")

    def runs(self) -> list[StackStatus]:
        """Return all runs, the oldest first."""
        return list(find_runs(self.environment).running)

    def status(self, role: str) -> Any:
        """Return the newest run's role."""
        return self.runs()[-1].role(role)

    def control(self) -> Control:
        """Connect to the newest run."""
        return Control(Path(self.runs()[-1].runtime))

    def records(self, pattern: str = "*/latest") -> list[dict[str, Any]]:
        """Return the entries of the newest run's record."""
        (folder,) = (self.folder / "state" / "xrstack").glob(pattern)
        return [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]

    def log(self, role: str) -> str:
        """Return what the newest run's role has printed."""
        found = list((self.folder / "state" / "xrstack").glob(f"*/latest/{role}.log"))
        return found[0].read_text() if found else ""

    def processes(self) -> list[int]:
        """Return everything that lives and was started from here."""
        return marked_processes(self._mark)

    def role_processes(self, role: str) -> list[int]:
        """Return what lives of one role."""
        return marked_processes(self._mark, f"XR_ROLE={role}")

    def end_all(self) -> None:
        """Kill everything and remove the folder."""
        while left := self.processes():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for child in self._children:
                child.poll()
        for child in self._children:
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def project() -> Iterator[Project]:
    """A folder for a stack."""
    made = Project()
    yield made
    made.end_all()


@pytest.fixture
def fresh_project() -> Iterator[Project]:
    """As `project`, where a module has made that the shared one."""
    made = Project()
    yield made
    made.end_all()


@pytest.fixture(scope="module")
def shared_project() -> Iterator[Project]:
    """A folder for the one stack of a module whose tests do it no harm."""
    made = Project()
    yield made
    made.end_all()


@pytest.fixture(name="wait_for_rest")
def wait_for_rest_fixture() -> Callable[[int], None]:
    """`wait_for_rest`."""
    return wait_for_rest
