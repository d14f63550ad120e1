"""Starts a role's program with its environment, its pipe and, where readiness is to be said, its notify socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

from xr_ai_launcher._run.limits import OpenFilesLimit
from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.members import ROLE_VARIABLE, RUN_DIR_VARIABLE, RoleMark
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.rundir import RunDir
from xr_ai_launcher._run.spawn import spawn
from xr_ai_launcher._run.upward import NOTIFY_VARIABLE
from xr_ai_launcher._stack.plan import NotifyProbe

# What a service manager told the launcher is not meant for its roles.
_SERVICE_MANAGER_VARIABLES = {NOTIFY_VARIABLE, "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"}


class Starter:
    """Starts the roles of one run."""

    def __init__(
        self,
        environment: Mapping[str, str],
        run_dir: RunDir,
        *,
        loop: Loop,
        open_files: OpenFilesLimit,
        on_notify: Callable[[Role, Mapping[str, str]], None],
        on_reason: Callable[[Role, str], None],
    ) -> None:
        inherited = {key: value for key, value in environment.items() if key not in _SERVICE_MANAGER_VARIABLES}
        self.environment = {**inherited, "PYTHONUNBUFFERED": "1", RUN_DIR_VARIABLE: str(run_dir.runtime)}
        """What all roles get."""
        self._run_dir = run_dir
        self._loop = loop
        self._open_files = open_files
        self._on_notify = on_notify
        self._on_reason = on_reason
        self._sockets = 0

    def start(self, role: Role) -> int:
        """Start a role that has a relay and return its process id.

        Raises:
            SpawnError: the program or its folder cannot be used.
        """
        assert role.relay is not None
        env = self.environment | dict(role.plan.env) | {ROLE_VARIABLE: role.name}
        if isinstance(role.plan.ready, NotifyProbe):
            env[NOTIFY_VARIABLE] = self._open_notify_socket(role)
        output = role.relay.open_pipe()
        try:
            pid = spawn(role.plan.argv, cwd=role.plan.cwd, env=env, output=output)
        finally:
            os.close(output)
        self._open_files.restore_for(pid)
        role.mark = RoleMark(str(self._run_dir.runtime), role.name, pid)
        role.is_alive = True
        return pid

    def _open_notify_socket(self, role: Role) -> str:
        from xr_ai_launcher._run.readiness.notify import NotifySocket

        if role.notify is None:
            role.notify = NotifySocket(
                self._run_dir.runtime / f"notify-{self._sockets}",
                is_member=lambda pid: role.mark is not None and role.mark.owns(pid),
                on_message=partial(self._on_notify, role),
                on_stranger=lambda pid: self._on_reason(
                    role, f"process {pid} said READY=1 but is not (or no longer) a process of this role"
                ),
            )
            self._sockets += 1
            self._loop.add_reader(role.notify.fileno(), role.notify.receive)
        return str(role.notify.path)
