"""Finds the livekit-server binary: environment, PATH, configuration; says why each source did not serve."""

import os
import shutil
from pathlib import Path

from xr_ai_program import StartupError

SERVER_BIN_ENV = "LIVEKIT_SERVER_BIN"
_COMMAND = "livekit-server"


def find_server_binary(configured: Path | None) -> Path:
    """Return the binary to run.

    Raises:
        StartupError: no source has one; the message lists what was tried and how to get it.
    """
    tried: list[str] = []
    from_env = os.environ.get(SERVER_BIN_ENV)
    if from_env:
        found = _runnable(Path(from_env).expanduser())
        if found:
            return found
        tried.append(f"${SERVER_BIN_ENV} is {from_env}: not an executable file")
    else:
        tried.append(f"${SERVER_BIN_ENV} is not set")
    on_path = shutil.which(_COMMAND)
    if on_path:
        return Path(on_path)
    tried.append(f"no `{_COMMAND}` on PATH")
    if configured:
        found = _runnable(configured)
        if found:
            return found
        tried.append(f"livekit_server_bin is {configured}: not an executable file")
    else:
        tried.append("livekit_server_bin is not configured")
    raise StartupError(
        f"no LiveKit server to start: {'; '.join(tried)}. Install livekit-server 1.13 or newer "
        f"(the setup of the stack does), point ${SERVER_BIN_ENV} at it, or name a running one with livekit_url."
    )


def _runnable(path: Path) -> Path | None:
    return path.resolve() if path.is_file() and os.access(path, os.X_OK) else None
