"""Plans of stacks that were found good, stored for the next start: reading one takes a twentieth of checking again.

They are written as Python writes compiled code: as with that, only the same interpreter reads them. Loading json takes
7 ms.

A plan is used again only while everything it was made from is the same: the call itself, the text of every file, every
variable, program, path and card that was asked for (see `surroundings`), and the code that checked it. Ports are not
part of it; whether they are free is asked at each start. Plans that hold a secret are not stored.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import zlib
from collections.abc import Iterable, Mapping

from xr_ai_launcher._stack import plan as plans
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher._stack.surroundings import Fact, holds

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ("recall", "store")

_FORMAT = 1
_KEPT_PLANS = 100
_CHECKSUM_BYTES = 4
_KIND, _PATH = "=", "Path"
_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_CLASSES = {name: each for name, each in vars(plans).items() if isinstance(each, type)}


def recall(path: Path | str, options: StackOptions) -> StackPlan | None:
    """Return the stored plan for this call if nothing it depends on has changed."""
    key = _key(path, options)
    try:
        with open(_entry(key), "rb") as file:
            state = os.fstat(file.fileno())
            if state.st_uid != os.getuid() or state.st_mode & 0o022:
                return None  # what is in it will be run: only we may have written it
            checksum, data = file.read(_CHECKSUM_BYTES), file.read()
        if checksum != _checksum(data):
            return None  # cut or changed; what reads the rest trusts it
        entry = marshal.loads(data)
        if entry["key"] != key or entry["code"] != _code(entry["code"]) or not all(map(holds, entry["facts"])):
            return None
        plan = _decoded(entry["plan"])
    except (OSError, ValueError, EOFError, LookupError, TypeError, AttributeError):
        return None  # none there, or not one of ours: it will be made anew
    return plan if isinstance(plan, StackPlan) else None


def store(plan: StackPlan, facts: Iterable[Fact], path: Path | str, options: StackOptions) -> None:
    """Keep a plan that was found good; where nothing can be kept, nothing is."""
    facts = list(facts)
    if _holds_secret(plan, facts):
        return
    import xr_ai_config  # late, as everything that only a first start needs

    key = _key(path, options)
    folders = (f"{_PACKAGE}/_stack", f"{_PACKAGE}/_hardware", os.path.dirname(xr_ai_config.__file__))
    entry = {"key": key, "code": _code(folders), "facts": facts, "plan": _encoded(plan)}
    target = _entry(key)
    fresh, data = f"{target}.{os.getpid()}", marshal.dumps(entry)
    try:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_checksum(data) + data)
        os.replace(fresh, target)
        _forget_oldest(os.path.dirname(target))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(fresh)


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "big")


def _key(path: Path | str, options: StackOptions) -> list[Any]:
    call = [str(path), options.profile, [str(overlay) for overlay in options.overlays]]
    call += [list(options.assignments), list(options.only), list(options.without)]
    return [_FORMAT, sys.version, sys.executable, os.getcwd(), os.environ.get("HOME"), *call]


def _entry(key: list[Any]) -> str:
    """Return the file for a key. Two keys may meet in one: it holds the whole key, and the newer wins."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return f"{home}/xrstack/plans/{zlib.crc32(repr(key).encode(errors='surrogateescape')):08x}.plan"


def _code(folders: Iterable[str]) -> dict[str, str]:
    """Return what tells one state of the checking code from another."""
    return {folder: _stamp(folder) for folder in folders}


def _stamp(folder: str) -> str:
    modules = (entry for entry in os.scandir(folder) if entry.name.endswith(".py"))
    states = sorted((entry.name, entry.stat()) for entry in modules)
    return " ".join(f"{name}:{state.st_size}:{state.st_mtime_ns}" for name, state in states)


def _forget_oldest(folder: str) -> None:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    for entry in entries[_KEPT_PLANS:]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(entry.path)


def _holds_secret(plan: StackPlan, facts: Iterable[Fact]) -> bool:
    from xr_ai_launcher._stack.secret_names import sounds_secret

    steps = [step.step for step in plan.setup]
    names = [name for part in (*plan.roles, *steps) for name in getattr(part, "env", ())]
    names += [str(fact[1]) for fact in facts if fact[0] == "variable"]
    return any(name in plan.secrets or sounds_secret(name) for name in (*names, *plan.variables))


def _encoded(value: Any) -> Any:
    """Return plain data; fields that are as by default are left out."""
    from dataclasses import MISSING, fields, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        written = {_KIND: type(value).__name__}
        for each in fields(value):
            own = getattr(value, each.name)
            default = each.default if each.default_factory is MISSING else each.default_factory()
            written |= {} if own == default else {each.name: _encoded(own)}
        return written
    if isinstance(value, os.PathLike):
        return {_KIND: _PATH, _PATH: os.fspath(value)}
    if isinstance(value, Mapping):
        return {key: _encoded(each) for key, each in value.items()}
    return [_encoded(each) for each in value] if isinstance(value, tuple) else value


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_decoded, value))
    if not isinstance(value, dict):
        return value
    kind = value.pop(_KIND, None)
    decoded = {key: _decoded(each) for key, each in value.items()}
    if kind is None:
        return decoded
    if kind == _PATH:
        from pathlib import Path  # late: only setup steps have any

        return Path(decoded[_PATH])
    return _CLASSES[kind](**decoded)
