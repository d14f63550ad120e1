"""What a running stack looks like from outside: plain data, the same for `ps`, the live table and other programs.

Times are seconds of the Unix clock. What is not known is None. `from_json` of an older or newer launcher's data works:
unknown keys are passed over, missing ones have their default.
"""

from __future__ import annotations

from xr_ai_launcher._dataclasses import asdict, dataclass, field_names, replace

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    RoleState = Literal["waiting", "starting", "ready", "paused", "stopping", "ended"]
    StackState = Literal["starting", "up", "stopping"]
    EventKind = Literal[
        "started", "ready", "status", "reason", "silent", "exit", "pause", "restart", "up", "stop", "killed", "ending"
    ]

__all__ = ("Event", "RoleStatus", "StackStatus")


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role at one moment."""

    name: str
    state: RoleState = "waiting"
    """waiting: for roles named in `after`. paused: ended, to be started again. ended: and not to come back."""
    pid: int | None = None
    """Of the process that was started, while it runs; also the id of its process group and session."""
    since: float | None = None
    """When it came into its state."""
    started: float | None = None
    ready_after_s: float | None = None
    """From its newest start to its readiness."""
    launch: Literal["own", "persist", "reuse"] = "own"
    host: str = "127.0.0.1"
    ports: Mapping[str, int] | None = None
    url: str = ""
    """What a person opens once the role is ready."""
    gpu: int | None = None
    """Index of the card it is pinned to."""
    cpu_percent: float | None = None
    """Of one core, all processes of the role together. Added by who looks, see `figures`."""
    memory_bytes: int | None = None
    """Resident memory of all processes of the role; what they share counts several times."""
    gpu_memory_bytes: int | None = None
    processes: int | None = None
    status_text: str = ""
    """What the role says of itself (STATUS= of the notify protocol)."""
    reason: str = ""
    """Why it is not ready yet."""
    restarts: int = 0
    exit: int | None = None
    """Of its last exit: the status, or minus the signal."""
    log_path: str = ""
    """Empty for a role that somebody else runs."""
    description: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RoleStatus:
        """Return the status that `as_json` gave."""
        return cls(**_known(cls, data))


@dataclass(frozen=True, slots=True)
class StackStatus:
    """One run of a stack at one moment."""

    stack: str
    run_id: str
    source: str
    """The stack file."""
    profile: str | None = None
    launcher_pid: int = 0
    """The process that the user started: signals to it stop the stack."""
    supervisor_pid: int = 0
    """The parent of all roles."""
    started: float = 0.0
    state: StackState = "starting"
    runtime: str = ""
    """Folder of sockets; ``XR_RUN_DIR`` of the roles."""
    logs: str = ""
    """Folder of the log files and of the run record."""
    plan_id: str = ""
    """The same for runs of the same plan."""
    persists: str = ""
    """Name of the role that this run keeps for later runs (``launch: persist``); empty for an ordinary run."""
    roles: tuple[RoleStatus, ...] = ()

    def role(self, name: str) -> RoleStatus | None:
        """Return the role of this name, if there is one."""
        return next((role for role in self.roles if role.name == name), None)

    def after(self, event: Event) -> StackStatus:
        """Return the status once the event has happened."""
        changed, roles = event.role, self.roles
        if changed is not None:
            roles = tuple(changed if role.name == changed.name else role for role in roles)
        return replace(self, state=_STATE_AFTER.get(event.kind, self.state), roles=roles)

    def as_json(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StackStatus:
        """Return the status that `as_json` gave."""
        known = _known(cls, data)
        return cls(**known | {"roles": tuple(RoleStatus.from_json(role) for role in known.get("roles", ()))})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run.

    - ``started``, ``ready``, ``exit``: of a role; ``exit_code`` as in `RoleStatus.exit`.
    - ``status``: a role says something new of itself. ``reason``: why it is not ready yet.
    - ``silent``: it owed a sign of life (`watchdog`) and is ended.
    - ``pause``: it ended and is to be started again. ``restart``: it is asked to stop, to be started again.
    - ``up``: every role is ready. ``stop``: the stack begins to stop, and why. ``killed``: a role had to be.
    - ``ending``: nothing is left; ``exit_code`` is the launcher's. No event follows.
    """

    kind: EventKind
    time: float
    role: RoleStatus | None = None
    """As it is after the event."""
    text: str = ""
    """One sentence for people, or the role's own words."""
    exit_code: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        """Return the event that `as_json` gave."""
        known = _known(cls, data)
        role = known.get("role")
        return cls(**known | {"role": None if role is None else RoleStatus.from_json(role)})


_STATE_AFTER: dict[EventKind, StackState] = {"up": "up", "stop": "stopping", "ending": "stopping"}


def _known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = field_names(cls)
    return {key: value for key, value in data.items() if key in names}
