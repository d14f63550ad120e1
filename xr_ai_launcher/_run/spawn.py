"""Starts one program: in a session of its own, in its folder, with its environment and nothing else of ours."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping, Sequence

from xr_ai_launcher._run.errors import SpawnError

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from os import PathLike

# What a parent may have ignored for itself and a program expects to work.
_DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
)


def spawn(argv: Sequence[str], *, cwd: str | PathLike[str], env: Mapping[str, str], output: int) -> int:
    """Start ``argv`` with stdout and stderr on ``output`` and return its process id, also the id of its group.

    This process' working folder changes: posix_spawn, the fastest way to start a program, cannot set the child's.

    Raises:
        SpawnError: the program or its folder cannot be used; the message says which and why.
    """
    try:
        os.chdir(cwd)
    except OSError as error:
        raise SpawnError(f"its folder {cwd} cannot be entered: {error.strerror}") from error
    try:
        return os.posix_spawn(
            argv[0],
            list(argv),
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    except OSError as error:
        raise SpawnError(_explain(error, argv[0])) from error


def with_own_pid(argv: Sequence[str], variable: str) -> list[str]:
    """Return a command that becomes ``argv`` with its own process id, which nobody knows before, in a variable.

    Raises:
        SpawnError: there is no such program.
    """
    if not os.access(argv[0], os.X_OK):
        missing = errno.EACCES if os.path.exists(argv[0]) else errno.ENOENT
        raise SpawnError(_explain(OSError(missing, os.strerror(missing)), argv[0]))
    return ["/bin/sh", "-c", f'{variable}=$$; export {variable}; exec "$0" "$@"', *argv]


def find_program(name: str, *, cwd: str | PathLike[str], search_path: str) -> str | None:
    """Return the path of the program ``name``: as it is when it has a slash, else the first one on the search path."""
    if "/" in name:
        candidates = [os.path.join(cwd, name)]
    else:
        candidates = [os.path.join(cwd, folder, name) for folder in search_path.split(os.pathsep) if folder]
    return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def _explain(error: OSError, program: str) -> str:
    if error.errno == errno.ENOENT and not os.path.exists(program):
        return f"there is no program {program}"
    if error.errno == errno.ENOENT:
        return f"{program} names an interpreter in its first line that does not exist"
    if error.errno == errno.EACCES:
        return f"{program} may not be executed; chmod +x repairs that when it is a program"
    if error.errno == errno.ENOEXEC:
        return f"{program} is not a program for this machine (a script needs a #! line)"
    return f"{program} cannot be started: {error.strerror}"
