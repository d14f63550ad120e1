"""What to say about a command whose program is not there."""

import difflib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from xr_ai_config import Problem, similar_file
from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.plan import RolePlan
from xr_ai_launcher._stack.programs import find_program, scripts_folder

__all__ = ("similar_program", "unknown_command")

# A slip of the finger, not a mere likeness: `redis-server` is not what somebody meant who wrote `tts_server`.
_CUTOFF = 0.8


def unknown_command(role: RolePlan, places: Places) -> Problem:
    """Return the problem of an enabled role whose program was not found."""
    name = role.argv[0]
    message, hint = _about_path(name, role.cwd) if os.sep in name else _about_name(name, role)
    return places.problem(message, "roles", role.name, "command", hint=hint)


def similar_program(name: str, path: str | None = None) -> str:
    """Return "did you mean …?" for a program that can be found, or ""."""
    wanted = _folded(name)
    known = {_folded(each): each for each in _programs(path)}
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=_CUTOFF)
    return f"did you mean `{known[close[0]]}`?" if close else ""


def _about_name(name: str, role: RolePlan) -> tuple[str, str]:
    message = f"no program `{name}` is installed here"
    if Path(role.cwd, name).is_file():
        return message, f"for the file in {role.cwd} write `./{name}`"
    install = "install the package that has it (often one of the same name)"
    otherwise = f"{install}, correct the name, or turn the role off with `enabled: false`"
    return message, similar_program(name, role.env.get("PATH")) or otherwise


def _about_path(name: str, cwd: str) -> tuple[str, str]:
    path = Path(os.path.normpath(Path(cwd, os.path.expanduser(name))))
    if path.is_dir():
        return f"{path} is a folder, not a program", "name the program in it"
    if path.is_file():
        return f"{path} may not be executed", f"chmod +x {shlex.quote(str(path))}, or name its interpreter before it"
    return f"no such program: {path}", similar_file(path)


def _programs(path: str | None) -> Iterator[str]:
    """Yield the names of the programs that `find_program` would find, those of our own environment last: they win."""
    search = path if path is not None else os.environ.get("PATH", os.defpath)
    for folder in (*reversed(search.split(os.pathsep)), str(scripts_folder())):
        if os.path.isdir(folder or os.curdir):
            yield from (name for name in os.listdir(folder or os.curdir) if find_program(name, os.curdir, folder))


def _folded(name: str) -> str:
    return name.replace("-", "_").lower()
