"""Does plain `up` commands, and `check` where a stored plan answers it, without what reads all other commands.

Loading typer takes as long as starting fifty programs. Whatever is the least unusual here (another verb, an option that
is not in the table) is left to the whole command line.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

from xr_ai_launcher._errors import LauncherError
from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher._stack.stored import recall
from xr_ai_launcher._start import start, startable_plan
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._outcome import exit_code
from xr_ai_launcher.cli._request import OPTIONS, Request, stack_file
from xr_ai_launcher.cli._told import announce, good_words, tell_warnings
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("parse", "run")

_KNOWN = {
    "up": frozenset(OPTIONS),
    "check": frozenset({"profile", "file", "set_"}),
}


def run(words: Sequence[str]) -> int | None:
    """Do what the command line asks for and return its exit code; None: it was not done, nor was anything said."""
    gc.disable()  # what is loaded from here on stays; the collector would look for garbage in it a dozen times
    request = parse(words)
    if request is not None and words[0] == "up":
        return exit_code(lambda: _up(request))
    plans = None if request is None else _plans(request)
    if plans is None:
        gc.enable()
        return None
    return exit_code(lambda: _check(plans))


def parse(words: Sequence[str]) -> Request | None:
    """Sort the words of an `up` or `check` command; None for anything that is not plain."""
    if not words or words[0] not in _KNOWN:
        return None
    keys = {name: key for key in _KNOWN[words[0]] for name in OPTIONS[key].names}
    found: dict[str, list[str]] = {key: [] for key in _KNOWN[words[0]]}
    stacks = []
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            stacks.append(word)
        elif word in keys:
            following = next(rest, "-")
            if following.startswith("-"):
                return None
            found[keys[word]].append(following)
        elif equals and name.startswith("--") and name in keys:
            found[keys[name]].append(value)
        else:
            return None
    if words[0] == "up" and len(stacks) > 1:
        return None
    profiles = found.pop("profile")
    return Request(
        tuple(stacks),
        profile=profiles[-1] if profiles else None,
        **{key: tuple(values) for key, values in found.items()},
    )


def _plans(request: Request) -> dict[str, StackPlan] | None:
    """Return the stored plan of each stack, None unless all of them hold."""
    plans = {}
    for name in request.stacks or (None,):
        try:
            path = stack_file(name)
        except LauncherError:
            return None
        plan = recall(path, request.options())
        if plan is None:
            return None
        plans[path] = plan
    return plans


def _up(request: Request) -> int:
    plan = startable_plan(stack_file(*request.stacks or (None,)), request.options())
    announce(plan)
    return start(plan)


def _check(plans: dict[str, StackPlan]) -> int:
    for path, plan in plans.items():
        tell_warnings(plan)
        _output.success(f"{path}: {good_words(plan)}")
    return ExitCode.OK
