"""Starts a role's program with its environment, its pipe and, where it is to say something, its notify socket.

What a start takes before the first program runs is one core's work; from then on the programs use the others. So they
are started by as little as possible, and what looks after them is loaded while they are on their way (`begin`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic

from xr_ai_launcher._run.errors import SpawnError
from xr_ai_launcher._run.limits import OpenFilesLimit
from xr_ai_launcher._run.members import ROLE_VARIABLE, RUN_DIR_VARIABLE, RoleMark
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.rundir import RunDir
from xr_ai_launcher._run.spawn import spawn, with_own_pid
from xr_ai_launcher._run.upward import NOTIFY_VARIABLE
from xr_ai_launcher._stack.plan import NotifyProbe

# What a service manager told the launcher is not meant for its roles.
_WATCHDOG_VARIABLE = "WATCHDOG_USEC"
_SERVICE_MANAGER_VARIABLES = {NOTIFY_VARIABLE, _WATCHDOG_VARIABLE, "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"}


class Starter:
    """Starts the roles of one run."""

    def __init__(self, environment: Mapping[str, str], run_dir: RunDir, open_files: OpenFilesLimit) -> None:
        inherited = {key: value for key, value in environment.items() if key not in _SERVICE_MANAGER_VARIABLES}
        self.environment = {**inherited, "PYTHONUNBUFFERED": "1", RUN_DIR_VARIABLE: run_dir.runtime}
        """What all roles get."""
        self._run_dir = run_dir
        self._open_files = open_files
        self.began_s = monotonic()
        self._begun: dict[str, float | SpawnError] = {}
        self._sockets = 0

    def begin(self, roles: Iterable[Role]) -> None:
        """Start these roles now, up to the first that cannot be; `start` tells later how it went."""
        for role in roles:
            try:
                self._begun[role.name] = self._start(role)
            except SpawnError as error:
                self._begun[role.name] = error
                return

    def has_begun(self, role: Role) -> bool:
        """Whether the role runs, or cannot, and `start` was not asked yet."""
        return role.name in self._begun

    def start(self, role: Role) -> int:
        """Start a role that has a relay, unless that was begun, and return its process id.

        Raises:
            SpawnError: the program or its folder cannot be used.
        """
        outcome = self._begun.pop(role.name, None)
        if isinstance(outcome, SpawnError):
            raise outcome
        role.started_s = role.since_s = self._start(role) if outcome is None else outcome
        assert role.mark is not None
        return role.mark.leader

    def _start(self, role: Role) -> float:
        """Start it and return when that was."""
        assert role.relay is not None
        env = self.environment | dict(role.plan.env) | {ROLE_VARIABLE: role.name}
        argv: Sequence[str] = role.plan.argv
        if isinstance(role.plan.ready, NotifyProbe) or role.plan.watchdog_s is not None:
            env[NOTIFY_VARIABLE] = self._open_notify_socket(role)
        if role.plan.watchdog_s is not None:
            env[_WATCHDOG_VARIABLE] = str(round(role.plan.watchdog_s * 1e6))
            argv = with_own_pid(argv, "WATCHDOG_PID")
        output = role.relay.open_pipe()
        started_s = monotonic()
        try:
            pid = spawn(argv, cwd=role.plan.cwd, env=env, output=output)
        finally:
            os.close(output)
        self._open_files.restore_for(pid)
        role.mark = RoleMark(self._run_dir.runtime, role.name, pid)
        role.is_alive = True
        return started_s

    def _open_notify_socket(self, role: Role) -> str:
        from xr_ai_launcher._run.readiness.notify import NotifySocket

        path = f"{self._run_dir.runtime}/notify-{self._sockets}"
        self._sockets += 1
        role.notify = NotifySocket(path, is_member=lambda pid: role.mark is not None and role.mark.owns(pid))
        return path
