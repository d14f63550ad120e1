"""The persistent roles of a run: what their keepers tell becomes what the supervisor knows of any role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.news import News
from xr_ai_launcher._run.report import Report
from xr_ai_launcher._run.role import Role, State

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._control.model import RoleStatus
    from xr_ai_launcher._run.keeping import Keeper

__all__ = ("KeptRoles",)


class KeptRoles:
    """Begins, follows and leaves the roles that keepers run."""

    def __init__(
        self,
        keepers: Mapping[str, Keeper],
        *,
        loop: Loop,
        news: News,
        report: Report,
        on_status: Callable[[Role, str], None],
        on_reason: Callable[[Role, str], None],
        on_ready: Callable[[Role], None],
        on_running: Callable[[Role], None],
        on_gone: Callable[[Role, int, str], None],
    ) -> None:
        """``on_running``: the role was ready already when it was found; ``on_gone``: it has ended, with a code."""
        self._keepers = keepers
        self._loop = loop
        self._news = news
        self._report = report
        self._on_status = on_status
        self._on_reason = on_reason
        self._on_ready = on_ready
        self._on_running = on_running
        self._on_gone = on_gone
        self.something_stays = False
        """Whether a role was left running."""

    def __contains__(self, name: str) -> bool:
        return name in self._keepers

    def begin(self, role: Role) -> str:
        """Start or find the role; return what makes that impossible, or ""."""
        from xr_ai_launcher._run.kept import KeptRole

        role.kept = KeptRole(
            self._keepers[role.name], self._loop, partial(self._on_change, role), partial(self._on_gone, role)
        )
        return role.kept.begin()

    def leave(self, role: Role, *, is_to_stop: bool) -> None:
        """Let the role run on, or stop it if it was only half there or somebody wants everything stopped."""
        if role.kept is None:
            return  # its keeper was never told to begin, and ends with us
        is_unheard = role.kept.pid is None and not role.kept.keeper.is_new  # there before us, in whatever state
        stays = (role.state is State.READY or is_unheard) and not is_to_stop
        if stays and role.kept.pid is not None:
            self.something_stays = True
            self._report.note(f"{role.name} runs on (launch: persist, process {role.kept.pid}) until xrstack down")
        role.kept.leave(stop=not stays)

    def _on_change(self, role: Role, kind: str, status: RoleStatus, text: str) -> None:
        if status.status_text != role.status:
            self._on_status(role, status.status_text)
        if status.reason:
            self._on_reason(role, status.reason)
        match kind:
            case "found" if status.state == "ready":
                self._on_running(role)
            case "started":
                role.enter(State.STARTING)
                role.started_s, role.is_restarting = role.since_s, False
                self._news.tell(kind, role)
            case "ready":
                self._on_ready(role)
            case "restart":
                role.is_restarting = True
                self._move(role, State.STOPPING, kind, text)
            case "pause":
                role.restarts = status.restarts
                self._move(role, State.PAUSED, kind, text)
            case "exit":
                role.exit_code = status.exit
                self._news.tell(kind, role, text, status.exit)

    def _move(self, role: Role, state: State, kind: str, text: str) -> None:
        role.enter(state)
        role.forget_watches()
        self._news.tell(kind, role, text)
