"""Roles with ``launch: persist``: each is run by a launcher of its own, the keeper, which this one leaves behind.

A keeper is an ordinary run of a stack with one role: it has a supervisor, a guardian, logs and a control socket, and
what holds for every run holds for it. It is made before this launcher becomes the parent of everything it starts, so
that it is not among what must not outlive the stack; and it begins only when told to, or not at all if we end before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping

from xr_ai_launcher._dataclasses import dataclass, replace
from xr_ai_launcher._run.errors import RunError
from xr_ai_launcher._run.rundir import RunDir, create_run_dir, is_locked, run_dirs
from xr_ai_launcher._run.steering import plan_id
from xr_ai_launcher._run.upward import NOTIFY_VARIABLE
from xr_ai_launcher._stack.plan import RolePlan, StackPlan

__all__ = ("Keeper", "keepers_for")

_KEEPS_NAME = "keeps"
_LOCK_NAME = ".keepers"

RunKeeper = Callable[[StackPlan, Mapping[str, str], RunDir], int]
"""Runs a stack with one role until it is told to stop."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where a keeper is to be found."""

    runtime: str
    start: int = -1
    """A byte written here starts a new one; -1 for one that is there already."""
    output: int = -1
    """What a new one's role prints can be read here."""

    @property
    def is_new(self) -> bool:
        """Whether it was made for this run."""
        return self.start >= 0


def keepers_for(plan: StackPlan, environment: Mapping[str, str], run_keeper: RunKeeper) -> dict[str, Keeper]:
    """Find the keeper of each persistent role, or make one; one that was started from another plan is stopped first.

    Raises:
        RunError: an old keeper does not stop, or a new one cannot be made.
    """
    roles = [role for role in plan.enabled_roles if role.launch == "persist"]
    if not roles:
        return {}
    keepers: dict[str, Keeper] = {}
    with _alone(environment):
        there = _keepers_there(environment)
        for role in roles:
            wanted = _plan_of(plan, role)
            runtime, its_plan_id = there.get((plan.source, role.name), (None, ""))
            if runtime is not None and its_plan_id == plan_id(wanted):
                keepers[role.name] = Keeper(runtime)
                continue
            if runtime is not None:
                _stop(runtime, role.name)
            keepers[role.name] = _make(wanted, environment, run_keeper)
    return keepers


def _plan_of(plan: StackPlan, role: RolePlan) -> StackPlan:
    """The keeper's own plan; without what does not change the process, such as the line that declares it."""
    alone = replace(role, launch="own", after=(), where="", description="")
    return StackPlan(plan.name, plan.source, (alone,), secrets=plan.secrets, logs=plan.logs)


def _keepers_there(environment: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return all living keepers by stack file and role, each with the id of its plan."""
    found = {}
    for folder in run_dirs(environment):
        with contextlib.suppress(OSError, ValueError), open(os.path.join(folder, _KEEPS_NAME)) as file:
            source, role, its_plan_id = file.read().split("\n")
            if is_locked(folder):
                found[source, role] = (folder, its_plan_id)
    return found


def _stop(runtime: str, role: str) -> None:
    from xr_ai_launcher._control.client import Control
    from xr_ai_launcher._control.ending import Ender
    from xr_ai_launcher._control.errors import ConnectionLostError

    try:
        with Control(runtime) as control:
            status = control.status()
    except ConnectionLostError as error:
        if is_locked(runtime):
            raise RunError(f"{role} runs since an earlier up, from another plan, and does not stop: {error}") from None
        return
    Ender(status).wait()


def _make(plan: StackPlan, environment: Mapping[str, str], run_keeper: RunKeeper) -> Keeper:
    from xr_ai_launcher._control.server import listen_at

    (role,) = plan.roles
    run_dir = create_run_dir(plan.name, environment, persists=role.name)
    with open(os.path.join(run_dir.runtime, _KEEPS_NAME), "w") as file:
        file.write(f"{plan.source}\n{role.name}\n{plan_id(plan)}")
    # It listens before it lives: whoever finds its folder can connect, and is answered in time.
    listener = listen_at(run_dir.runtime)
    run_dir = replace(run_dir, control=listener)
    start, start_end = os.pipe()
    output, output_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _leave_home({run_dir.lock, listener.fileno(), start, output_end}, output_end)
        _become_keeper(plan, environment, run_dir, start, run_keeper)
    os.waitpid(pid, 0)
    for fd in (run_dir.lock, start, output_end):
        os.close(fd)
    listener.close()
    return Keeper(run_dir.runtime, start_end, output)


def _leave_home(kept: set[int], output: int) -> None:
    """Become a process that nobody here is the parent of, with no descriptors of ours but those it needs."""
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd, target in ((nothing, 0), (output, 1), (nothing, 2)):
        os.dup2(fd, target)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept - {output}:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.close(int(name))


def _become_keeper(
    plan: StackPlan, environment: Mapping[str, str], run_dir: RunDir, start: int, run_keeper: RunKeeper
) -> None:
    code = 3
    try:
        is_wanted = bool(os.read(start, 1))
        os.close(start)
        if is_wanted:
            environment = {key: value for key, value in environment.items() if key != NOTIFY_VARIABLE}
            code = run_keeper(plan, environment, run_dir)
    finally:
        run_dir.remove_runtime()
        os._exit(code)


@contextlib.contextmanager
def _alone(environment: Mapping[str, str]) -> Iterator[None]:
    """Keep a second launcher from making the same keepers at the same time."""
    from xr_ai_launcher._run.rundir import runtime_root

    file = os.open(os.path.join(runtime_root(environment), _LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
