"""Room for many open files in the launcher, without handing a raised limit down to programs that still use select()."""

import contextlib
import resource


class OpenFilesLimit:
    """Raises this process' soft limit if that many files need it; `restore_for` gives a child the usual one."""

    def __init__(self, needed: int) -> None:
        self._usual = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft, hard = self._usual
        self._is_raised = soft != resource.RLIM_INFINITY and soft < needed
        if self._is_raised:
            raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))

    def restore_for(self, pid: int) -> None:
        """Set a child's limit to what it would have been without us."""
        if self._is_raised:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # ended already, or another user's
                resource.prlimit(pid, resource.RLIMIT_NOFILE, self._usual)
