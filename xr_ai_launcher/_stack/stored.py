"""Plans of stacks that were found good, stored for the next start: reading one takes a twentieth of checking again.

A plan is used again only while everything it was made from is the same: the call itself, the text of every file, every
variable, program, path and card that was asked for (see `surroundings`), and the code that checked it. Ports are not
part of it; whether they are free is asked at each start. Plans that hold a secret are not stored.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from xr_ai_launcher._stack import plan as plans
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher._stack.surroundings import Fact, holds

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from typing import Any

__all__ = ("recall", "store")

_FORMAT = 1
_KEPT_PLANS = 100
_KIND, _PATH = "=", "Path"
_PACKAGE = Path(__file__).parent.parent
_CLASSES = {name: each for name, each in vars(plans).items() if isinstance(each, type)}


def recall(path: Path, options: StackOptions) -> StackPlan | None:
    """Return the stored plan for this call if nothing it depends on has changed."""
    key = _key(path, options)
    try:
        with open(_entry(key), encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            if state.st_uid != os.getuid() or state.st_mode & 0o022:
                return None  # what is in it will be run: only we may have written it
            entry = json.load(file)
        if entry["key"] != key or entry["code"] != _code(entry["code"]) or not all(map(holds, entry["facts"])):
            return None
        plan = _decoded(entry["plan"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # none there, or not one of ours: it will be made anew
    return plan if isinstance(plan, StackPlan) else None


def store(plan: StackPlan, facts: Iterable[Fact], path: Path, options: StackOptions) -> None:
    """Keep a plan that was found good; where nothing can be kept, nothing is."""
    facts = list(facts)
    if _holds_secret(plan, facts):
        return
    import xr_ai_config  # late, as everything that only a first start needs

    key = _key(path, options)
    folders = (_PACKAGE / "_stack", _PACKAGE / "_hardware", Path(xr_ai_config.__file__).parent)
    entry = {"key": key, "code": _code(map(str, folders)), "facts": facts, "plan": _encoded(plan)}
    target = _entry(key)
    fresh = target.with_suffix(f".{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(entry), encoding="utf-8")
        fresh.replace(target)
        _forget_oldest(target.parent)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()


def _key(path: Path, options: StackOptions) -> list[Any]:
    call = [str(path), options.profile, [str(overlay) for overlay in options.overlays]]
    call += [list(options.assignments), list(options.only), list(options.without)]
    return [_FORMAT, sys.version, sys.executable, os.getcwd(), os.environ.get("HOME"), *call]


def _entry(key: list[Any]) -> Path:
    """Return the file for a key. Two keys may meet in one: it holds the whole key, and the newer wins."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "xrstack" / "plans" / f"{zlib.crc32(json.dumps(key).encode()):08x}.json"


def _code(folders: Iterable[str]) -> dict[str, str]:
    """Return what tells one state of the checking code from another."""
    return {folder: _stamp(folder) for folder in folders}


def _stamp(folder: str) -> str:
    modules = (entry for entry in os.scandir(folder) if entry.name.endswith(".py"))
    states = sorted((entry.name, entry.stat()) for entry in modules)
    return " ".join(f"{name}:{state.st_size}:{state.st_mtime_ns}" for name, state in states)


def _forget_oldest(folder: Path) -> None:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    for entry in entries[_KEPT_PLANS:]:
        entry.unlink(missing_ok=True)


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
    if isinstance(value, Path):
        return {_KIND: _PATH, _PATH: str(value)}
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
    return Path(decoded[_PATH]) if kind == _PATH else _CLASSES[kind](**decoded)
