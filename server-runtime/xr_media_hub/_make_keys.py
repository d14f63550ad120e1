"""``xr_media_hub --make-keys DIR [NAME …]``: the keys of a hub and of the agents that run on other machines."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from xr_ai_agent import create_key_pair, validate_participant_id
from xr_ai_program import StartupError

__all__ = ("OPTION", "AgentKeys", "make_keys", "run")

OPTION = "--make-keys"
_HUB = "hub"
_AGENTS_FOLDER = "agents"
_SECRET_SUFFIX = ".key_secret"
_PUBLIC_SUFFIX = ".key"


class AgentKeys:
    """Where the keys of one agent lie: a folder to be moved to the agent's machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / f"for-{name}"
        self.secret = self.folder / f"{name}{_SECRET_SUFFIX}"
        self.hub = self.folder / f"{_HUB}{_PUBLIC_SUFFIX}"
        self.admitted = folder / _AGENTS_FOLDER / f"{name}{_PUBLIC_SUFFIX}"


def make_keys(folder: Path, names: Sequence[str]) -> list[AgentKeys]:
    """Make what is missing: the hub's pair in ``folder``, and a pair for each agent, which the hub admits from then on.

    Raises:
        StartupError: an agent of that name has keys already, the name is not one, or the folder cannot be written.
    """
    try:
        return _make(folder, names)
    except (OSError, ValueError) as error:
        raise StartupError(f"no keys were made in {folder}: {error}") from error


def _make(folder: Path, names: Sequence[str]) -> list[AgentKeys]:
    made = [AgentKeys(folder, validate_participant_id(name)) for name in names]
    for keys in made:
        if keys.admitted.exists():
            raise StartupError(
                f"{keys.admitted} is there already: an agent that lost its key is shut out by deleting that file first"
            )
    hub = folder / f"{_HUB}{_SECRET_SUFFIX}"
    if not hub.exists():
        create_key_pair(hub)
    (folder / _AGENTS_FOLDER).mkdir(mode=0o700, exist_ok=True)
    for keys in made:
        public = create_key_pair(keys.secret)
        shutil.copy(hub.with_suffix(_PUBLIC_SUFFIX), keys.hub)
        public.rename(keys.admitted)
    return made


def run(arguments: Sequence[str]) -> str:
    """Make the keys that the command line asks for; returns what to do with them. Raises StartupError."""
    parser = argparse.ArgumentParser(prog="xr_media_hub", description=__doc__)
    parser.add_argument(OPTION, type=Path, required=True, metavar="DIR", dest="folder")
    parser.add_argument("names", nargs="*", default=["agent"], metavar="NAME", help="agents (default: agent)")
    given = parser.parse_args(arguments)
    folder = given.folder.resolve()
    lines = [
        "In the hub's configuration:",
        "",
        "remote:",
        "  enabled: true",
        f"  server_key: {folder / _HUB}{_SECRET_SUFFIX}",
        f"  client_keys: {folder / _AGENTS_FOLDER}",
    ]
    for keys in make_keys(folder, given.names):
        lines += [
            "",
            f"Move {keys.folder} to the agent's machine, and set there:",
            "",
            "XR_HUB_PUB=tcp://HUB:7900",
            "XR_HUB_IN=tcp://HUB:7901",
            f"XR_HUB_CLIENT_KEY={keys.folder.name}/{keys.secret.name}",
            f"XR_HUB_SERVER_KEY={keys.folder.name}/{keys.hub.name}",
        ]
    return "\n".join(lines)
