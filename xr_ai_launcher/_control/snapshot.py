"""Puts what the supervisor knows of its roles into the words of `model`."""

from __future__ import annotations

from xr_ai_launcher._control.model import RoleStatus
from xr_ai_launcher._run.role import Role, State

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("role_status",)


def role_status(role: Role, clock_offset_s: float, clean: Callable[[str], str]) -> RoleStatus:
    """Return how a role is. ``clock_offset_s`` makes Unix time of the monotonic clock's; ``clean`` removes secrets."""
    plan = role.plan
    was_ready = role.ready_s >= role.started_s > 0
    return RoleStatus(
        name=role.name,
        state=role.state.value,
        pid=role.pid,
        since=role.since_s + clock_offset_s if role.since_s else None,
        started=role.started_s + clock_offset_s if role.started_s else None,
        ready_after_s=round(role.ready_s - role.started_s, 3) if was_ready else None,
        launch=plan.launch,
        host=plan.host,
        ports=dict(plan.ports),
        url=plan.url,
        gpu=plan.gpu,
        status_text=clean(role.status),
        reason=clean(role.reason) if role.state is State.STARTING else "",
        restarts=role.restarts,
        exit=role.exit_code,
        log_path=role.relay.log_path if role.relay is not None else role.kept.log_path if role.kept else "",
        description=plan.description,
    )
