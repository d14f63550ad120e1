"""Begins to wait for a role's readiness, by its own probe, and sees to it that the waiting has an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.readiness import WatchContext, start_watch
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._stack.plan import HttpProbe, McpProbe, NotifyProbe, ProbePlan, RolePlan, TcpProbe

# Its keeper ends a role that is not ready in time; this is for a keeper that does not answer.
_KEEPER_PATIENCE_S = 3.0


class Awaiting:
    """Waits for the roles of one run."""

    def __init__(
        self,
        loop: Loop,
        environment: Mapping[str, str],
        *,
        on_ready: Callable[[Role], None],
        on_reason: Callable[[Role, str], None],
        on_absent: Callable[[Role, str], None],
        on_deadline: Callable[[Role], None],
    ) -> None:
        """``on_absent``: the role should run already, and nobody answers; ``environment``: what all roles get."""
        self._loop = loop
        self._environment = environment
        self._on_ready = on_ready
        self._on_reason = on_reason
        self._on_absent = on_absent
        self._on_deadline = on_deadline

    def begin(self, role: Role) -> None:
        """Wait for a role that was just started, or that somebody else runs."""
        if role.kept is not None:  # its keeper watches it, and tells what the deadline found
            self._limit(role, role.plan.ready_timeout_s + _KEEPER_PATIENCE_S)
            return
        probe = role.plan.ready if role.relay is not None else _reuse_probe(role.plan)
        if probe is None:
            self._on_ready(role)
            return
        self._limit(role, role.plan.ready_timeout_s)
        self._watch(role, probe)

    def ask_again(self, role: Role) -> None:
        """Wait for a role that was ready once; where it cannot be asked, it is believed."""
        if isinstance(role.plan.ready, HttpProbe | TcpProbe | McpProbe):
            self._watch(role, role.plan.ready)
        else:
            self._on_ready(role)

    def _limit(self, role: Role, patience_s: float) -> None:
        role.deadline = self._loop.call_later(patience_s, partial(self._on_deadline, role))

    def _watch(self, role: Role, probe: ProbePlan) -> None:
        context = WatchContext(
            loop=self._loop,
            on_ready=partial(self._on_ready, role),
            on_reason=partial(self._on_reason, role),
            on_absent=partial(self._on_absent, role),
            started_ns=time.time_ns() - int((monotonic() - role.started_s) * 1e9),
            relay=role.relay,
            mark=role.mark,
            is_served_by_anyone=role.plan.ports_by_anyone,
            cwd=role.plan.cwd,
            env={**self._environment, **role.plan.env},
        )
        role.watch = start_watch(probe, context)


def _reuse_probe(plan: RolePlan) -> ProbePlan | None:
    """How to see that a role which others run is there: its own probe, or its first port."""
    if plan.ready is not None and not isinstance(plan.ready, NotifyProbe):
        return plan.ready
    return next((TcpProbe(plan.host, port) for port in plan.ports.values()), None)
