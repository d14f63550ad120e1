"""Real stacks of toy programs, run by a real launcher process, watched from outside."""

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.errors import ControlError
from xr_ai_launcher._run.linux import descendants_of, process_info
from xr_ai_launcher._stack.plan import RolePlan, StackPlan
from xr_ai_launcher.testing import marked_processes, variable_of, wait_for

TOYS = Path(__file__).parent.parent / "toys"
DEADLINE_S = 20.0
OWN_PROCESSES = 3
"""Guardian, witness and supervisor."""


class RunningStack:
    """A launcher process and everything that carries its folder in the environment."""

    def __init__(self, plan: StackPlan, folder: Path, environment: dict[str, str], **popen: Any) -> None:
        self.folder = folder
        (folder / "plan").write_bytes(pickle.dumps(plan))
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(TOYS / "launch.py"), str(folder / "plan")],
                **{"stdout": stdout, "stderr": stderr} | popen,
                env={"XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder / "state")}
                | environment
                | {"XR_TOY_STACK": str(folder)},
                start_new_session=True,
            )

    @property
    def stdout(self) -> str:
        return self._stdout.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(errors="replace")

    def log(self, role: str) -> bytes:
        """Return what the role's log file holds."""
        path = next(iter((self.folder / "state/xrstack").glob(f"*/latest/{role}.log")), None)
        return path.read_bytes() if path is not None else b""

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait for the launcher to end."""
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the launcher did not end within {deadline_s} s\n{self.stderr}") from None

    def wait_for_words(self, words: str, times: int = 1) -> None:
        """Wait until the launcher or a role has said something so often."""
        try:
            wait_for(lambda: (self.stdout + self.stderr).count(words) >= times, repr(words))
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}") from None

    def wait_for_reason(self, words: str) -> None:
        """Wait until some role is said not to be ready for this reason."""

        def has_reason() -> bool:
            with contextlib.suppress(ControlError, StopIteration):
                folder = next(path for path in self.folder.glob("xrstack/toy-*"))
                with Control(folder) as control:
                    return any(words in role.reason for role in control.status().roles)
            return False

        wait_for(has_reason, f"the reason {words!r}")

    def role_processes(self) -> list[int]:
        """Return all living processes that were started, directly or not, by this stack's roles."""
        return [pid for pid in self._marked() if variable_of(pid, "XR_ROLE") is not None]

    def own_processes(self) -> list[int]:
        """Return the launcher's own processes."""
        return [pid for pid in self._marked() if variable_of(pid, "XR_ROLE") is None]

    def family(self) -> list[int]:
        """Return everything that lives and descends from the supervisor, marked or not."""
        return [pid for pid in descendants_of(self.supervisor) if is_alive(pid)]

    @property
    def supervisor(self) -> int:
        """The process that runs the roles."""
        return self._own("stack-supervisor")

    @property
    def witness(self) -> int:
        """The process between guardian and supervisor."""
        return self._own("stack-witness")

    def _own(self, title: str) -> int:
        return next(pid for pid in self.own_processes() if title.encode() in _read(f"/proc/{pid}/cmdline"))

    def end_all(self) -> None:
        """Kill whatever a failed test left; first what only descent connects with the stack."""
        for pid in self.family() if len(self.own_processes()) == OWN_PROCESSES else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while left := [*self.role_processes(), *self.own_processes()]:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()

    def _marked(self) -> list[int]:
        return marked_processes(f"XR_TOY_STACK={self.folder}")


def is_alive(pid: int) -> bool:
    info = process_info(pid)
    return info is not None and not info.is_zombie


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


class StartStack(Protocol):
    def __call__(self, *roles: RolePlan, name: str = ..., env: dict[str, str] = ..., **popen: Any) -> RunningStack: ...


class MakeRole(Protocol):
    def __call__(self, name: str, toy: str, *arguments: object, **fields: Any) -> RolePlan: ...


@pytest.fixture
def role(tmp_path: Path) -> MakeRole:
    """Make a role that runs a toy program."""

    def make(name: str, toy: str, *arguments: object, **fields: Any) -> RolePlan:
        argv = (sys.executable, "-S", str(TOYS / f"{toy}.py"), *map(str, arguments))
        return RolePlan(name, argv, **{"cwd": str(tmp_path), "stop_grace_s": 5.0} | fields)

    return make


@pytest.fixture
def start() -> Iterator[StartStack]:
    """Start a launcher with these roles; everything is gone after the test, whatever happened."""
    stacks: list[RunningStack] = []

    def begin(*roles: RolePlan, name: str = "toy", env: dict[str, str] | None = None, **popen: Any) -> RunningStack:
        folder = Path(tempfile.mkdtemp(prefix="xr-"))  # short: sockets live below it
        plan = StackPlan(name, __file__, roles)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        stacks.append(RunningStack(plan, folder, inherited | (env or {}), **popen))
        return stacks[-1]

    yield begin
    for stack in stacks:
        stack.end_all()
        stack.process.wait()
        shutil.rmtree(stack.folder)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room for the sockets below it; ``tmp_path`` may be too deep for that."""
    with tempfile.TemporaryDirectory(prefix="xr-") as folder:
        yield Path(folder)
