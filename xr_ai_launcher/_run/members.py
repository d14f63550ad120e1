"""Which processes belong to a role: its session, its group, and strays that carry its mark in their environment."""

import os

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.linux import descendants_of, environment_value, process_info

RUN_DIR_VARIABLE = "XR_RUN_DIR"
ROLE_VARIABLE = "XR_ROLE"


@dataclass(frozen=True, slots=True)
class RoleMark:
    """What every process of a role can be known by: the leader's id and the variables it was started with."""

    run_dir: str
    role: str
    leader: int

    def owns(self, pid: int) -> bool:
        """Whether a process, of this stack or not, belongs to the role."""
        info = process_info(pid)
        if info is None:
            return False
        if self.leader in (info.pid, info.session, info.group):
            return True
        return (
            environment_value(pid, ROLE_VARIABLE) == self.role
            and environment_value(pid, RUN_DIR_VARIABLE) == self.run_dir
        )

    def members(self) -> list[int]:
        """Return the role's living processes. Only what descends from this process can be one."""
        below = descendants_of(os.getpid())
        return [pid for pid in below if self.owns(pid) and not _is_zombie(pid)]


def _is_zombie(pid: int) -> bool:
    info = process_info(pid)
    return info is None or info.is_zombie
