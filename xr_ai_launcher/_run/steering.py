"""What may be known and asked of a run from outside: its status, a new start of one role, its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.news import News
from xr_ai_launcher._run.report import Ending, Report
from xr_ai_launcher._run.role import Role, State
from xr_ai_launcher._run.role_stop import RoleStop
from xr_ai_launcher._run.rundir import RunDir
from xr_ai_launcher._stack.plan import StackPlan

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._control.model import RoleStatus, StackState, StackStatus
    from xr_ai_launcher._control.server import ControlServer


class Steering:
    """The outside's view of a supervisor. Loads what it takes to talk only when the roles are on their way."""

    def __init__(
        self,
        plan: StackPlan,
        roles: Mapping[str, Role],
        *,
        loop: Loop,
        news: News,
        report: Report,
        run_dir: RunDir,
        launcher_pid: int,
        clean: Callable[[str], str],
        state: Callable[[], StackState],
        start_again: Callable[[Role], None],
        end: Callable[[Ending], None],
    ) -> None:
        """``plan`` is the plan as it was before this run's folder was put in."""
        self._plan = plan
        self._roles = roles
        self._loop = loop
        self._news = news
        self._report = report
        self._run_dir = run_dir
        self._clean = clean
        self._state = state
        self._start_again = start_again
        self._end = end
        self._launcher_pid = launcher_pid
        self._clock_offset_s = time.time() - monotonic()
        self._began = time.time()
        self._server: ControlServer | None = None
        self._stops: dict[str, RoleStop] = {}
        self._plan_id = ""
        self.is_going_down = False
        """Whether somebody asked for the end, so that nothing is to stay."""

    def open(self) -> None:
        """Begin to answer on the control socket."""
        from xr_ai_launcher._control.server import ControlServer, listen_at

        try:
            listener = self._run_dir.control or listen_at(self._run_dir.runtime)
        except OSError as error:
            self._report.bad(f"ps, restart and down cannot reach this stack: {error}")
            return
        self._server = ControlServer(self._loop, listener, self, self._clean)
        self._news.listen(self._server.take)

    def close(self) -> None:
        """Say goodbye to whoever is connected."""
        if self._server is not None:
            self._server.close()

    def reaped(self) -> None:
        """Children have ended."""
        for stop in list(self._stops.values()):
            stop.reaped()

    def cancel(self) -> None:
        """Leave all stopping to the end of the whole stack."""
        for stop in self._stops.values():
            stop.cancel()
        self._stops.clear()

    # -- what the server asks for

    def status(self) -> StackStatus:
        """Return how the stack is."""
        from xr_ai_launcher._control.model import StackStatus

        self._plan_id = self._plan_id or plan_id(self._plan)
        return StackStatus(
            stack=self._plan.name,
            run_id=self._run_dir.run_id,
            source=self._plan.source,
            profile=self._plan.profile,
            launcher_pid=self._launcher_pid,
            supervisor_pid=os.getpid(),
            started=self._began,
            state=self._state(),
            runtime=self._run_dir.runtime,
            logs=self._run_dir.logs,
            plan_id=self._plan_id,
            persists=self._run_dir.persists,
            roles=tuple(map(self.role_status, self._roles.values())),
        )

    def role_status(self, role: Role) -> RoleStatus:
        """Return how one role is."""
        from xr_ai_launcher._control.snapshot import role_status

        return role_status(role, self._clock_offset_s, self._clean)

    def restart_role(self, name: str) -> str:
        """Stop a role and start it again; return "", or why that is not possible."""
        role = self._roles.get(name)
        if role is None:
            return f"there is no role {name} in {self._plan.name}; its roles: {', '.join(self._roles)}"
        if self._state() == "stopping":
            return f"{self._plan.name} is stopping"
        if role.kept is not None:
            role.kept.restart()
            return ""
        if role.relay is None:
            return f"{name} is run by somebody else (launch: {role.plan.launch}): restart it there"
        if role.state is State.WAITING:
            return f"{name} has not started yet: it waits for {', '.join(role.plan.after)}"
        if role.is_restarting:
            return ""  # already on its way; whoever asks waits for the same
        self._begin_restart(role)
        return ""

    def stop(self, sentence: str) -> None:
        """End the run, with exit code 0."""
        self.is_going_down = True
        self._end(Ending(0, sentence, is_failure=False))

    def _begin_restart(self, role: Role) -> None:
        role.forget_watches()
        if role.restart_timer is not None:
            role.restart_timer.cancel()
        role.is_restarting = True
        role.enter(State.STOPPING)
        self._report.note(f"{role.name}: stopping it to start it again, as asked")
        self._news.tell("restart", role)
        forced = partial(self._news.tell, "killed", role, "killed, since its stop signal was not enough")
        stop = RoleStop(self._loop, role, forced, partial(self._on_stopped, role))
        self._stops[role.name] = stop
        stop.begin()

    def _on_stopped(self, role: Role) -> None:
        del self._stops[role.name]
        self._start_again(role)


def plan_id(plan: StackPlan) -> str:
    """Return a short text that is the same for equal plans."""
    from hashlib import sha256

    return sha256(repr(plan).encode()).hexdigest()[:16]
