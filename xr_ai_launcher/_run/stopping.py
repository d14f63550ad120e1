"""Stops a stack: politely in reverse order, by force after each role's grace, and not done before nothing is left."""

import os
import signal
from collections.abc import Callable, Iterable
from functools import partial

from xr_ai_launcher._run.linux import (
    ProcessInfo,
    command_line,
    descendants_of,
    environment_value,
    process_info,
)
from xr_ai_launcher._run.loop import Loop, Timer
from xr_ai_launcher._run.members import ROLE_VARIABLE
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.signals import send, send_group

# After SIGKILL only the kernel can delay an exit; what forked meanwhile is found by looking again.
_FORCE_STEP_S = 0.05
_FORCE_TIMEOUT_S = 5.0


class Stopping:
    """One stop of all roles. The loop must report every reaping to `reaped`; ``on_done`` comes exactly once."""

    def __init__(
        self,
        loop: Loop,
        roles: Iterable[Role],
        on_forced: Callable[[list[str]], None],
        on_done: Callable[[list[str]], None],
    ) -> None:
        """``on_forced`` gets the names of roles that had to be killed, ``on_done`` what even that did not end."""
        self._loop = loop
        self._on_forced = on_forced
        self._on_done = on_done
        self._roles = {role.name: role for role in roles if role.mark is not None}
        self._left = set(self._roles)
        self._asked: set[str] = set()
        self._timers: list[Timer] = []
        self._graces_left = 0
        self._force_steps_left = round(_FORCE_TIMEOUT_S / _FORCE_STEP_S)
        self._is_forcing = False
        self._is_done = False

    def begin(self) -> None:
        """Ask the roles that nobody needs any more to stop; the others follow when their users are gone."""
        self._ask_next()
        self.reaped(self._loop.reap())

    def limit_grace(self, grace_s: float) -> None:
        """Use force after this time at the latest."""
        self._timers.append(self._loop.call_later(grace_s, self.force))

    def force(self) -> None:
        """Kill everything now, and again what was forked meanwhile, until nothing is left."""
        if self._is_done:
            return
        if not self._is_forcing:
            self._is_forcing = True
            by_role = self._processes_by_role()
            self._on_forced([name for name in self._roles if by_role.get(name)])
        for role in self._roles.values():
            if role.is_alive and role.mark is not None:
                send_group(role.mark.leader, signal.SIGKILL)
        for pid in descendants_of(os.getpid()):
            send(pid, signal.SIGKILL)
        if not self._loop.reap():
            self._finish([])
            return
        self._force_steps_left -= 1
        if self._force_steps_left > 0:
            self._timers.append(self._loop.call_later(_FORCE_STEP_S, self.force))
        else:
            self._finish([_survivor(pid) for pid in descendants_of(os.getpid())])

    def reaped(self, any_left: bool) -> None:
        """Look what is still there after children ended."""
        if self._is_done:
            return
        if not any_left:
            self._finish([])
            return
        self._ask_next()

    def _ask_next(self) -> None:
        """Ask every role whose users are all gone. Without ``after`` that is every role, at once."""
        if self._is_all_asked:
            return  # only exits are waited for: the last of them ends it all
        by_role = self._processes_by_role() if self._asked else {}
        self._left = {name for name in self._left if name not in self._asked or by_role.get(name)}
        needed = {name for user in self._left for name in self._roles[user].plan.after}
        due = [role for name, role in self._roles.items() if name not in self._asked and name not in needed]
        if due:
            self._ask(due)

    def _ask(self, due: list[Role]) -> None:
        for role in due:
            self._asked.add(role.name)
            if role.is_alive and role.mark is not None:
                send_group(role.mark.leader, role.plan.stop_signal)
        for grace_s in {role.plan.stop_grace_s for role in due}:
            same_grace = [role for role in due if role.plan.stop_grace_s == grace_s]
            self._timers.append(self._loop.call_later(grace_s, partial(self._grace_over, same_grace)))
            self._graces_left += 1
        by_role = self._processes_by_role()
        for role in due:
            self._ask_strays(role, by_role.get(role.name, []))
        if self._is_all_asked:
            for stray in by_role.get("", []):
                send(stray.pid, signal.SIGTERM)

    @property
    def _is_all_asked(self) -> bool:
        return len(self._asked) == len(self._roles)

    def _ask_strays(self, role: Role, processes: list[ProcessInfo]) -> None:
        """What left the role's group, or outlived its leader, is asked one by one."""
        assert role.mark is not None
        for info in processes:
            if info.group != role.mark.leader or not role.is_alive:
                send(info.pid, role.plan.stop_signal)

    def _grace_over(self, roles: list[Role]) -> None:
        if self._is_done or self._is_forcing:
            return
        self._graces_left -= 1
        by_role = self._processes_by_role()
        late = [role.name for role in roles if by_role.get(role.name)]
        self._on_forced(late)
        for name in late:
            for info in by_role[name]:
                send(info.pid, signal.SIGKILL)
        if self._is_all_asked and not self._graces_left:
            self._is_forcing = True
            self.force()  # the last grace is over: whatever is left, to whomever it belongs

    def _processes_by_role(self) -> dict[str, list[ProcessInfo]]:
        """All living processes below us by role, "" for those that cannot be told."""
        leaders = {role.mark.leader: role.name for role in self._roles.values() if role.mark is not None}
        found: dict[str, list[ProcessInfo]] = {}
        for pid in descendants_of(os.getpid()):
            info = process_info(pid)
            if info is not None and not info.is_zombie:
                name = leaders.get(info.session) or leaders.get(info.group) or environment_value(pid, ROLE_VARIABLE)
                found.setdefault(name if name in self._roles else "", []).append(info)
        return found

    def _finish(self, survivors: list[str]) -> None:
        self._is_done = True
        for timer in self._timers:
            timer.cancel()
        self._on_done(survivors)


def _survivor(pid: int) -> str:
    info = process_info(pid)
    return f"{pid} ({command_line(pid)}, state {info.state})" if info else str(pid)
