"""Loading and running a stack from Python."""

from collections.abc import Sequence
from pathlib import Path

from xr_ai_config import ConfigError
from xr_ai_launcher._errors import MissingPrerequisiteError, StackError
from xr_ai_launcher._stack.broken import without_consequences
from xr_ai_launcher._stack.checks import Findings, check_stack
from xr_ai_launcher._stack.load import LoadedStack, load
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher._stack.ports import check_ports
from xr_ai_launcher._stack.stored import store
from xr_ai_launcher._start import start, startable_plan

__all__ = (
    "find_problems",
    "load_stack",
    "open_stack",
    "read_stack",
    "remember",
    "require_startable",
    "run_stack",
)


def load_stack(
    path: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    overlays: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    without: Sequence[str] = (),
) -> StackPlan:
    """Return the plan of a stack file without starting anything.

    ``overrides`` are ``"roles.worker.gpu=1"`` assignments, ``overlays`` further stack files; both win over the file
    and its profile.

    Raises:
        StackError: anything is wrong with the file or the options; all of it, with places.
    """
    options = StackOptions(profile, [Path(overlay) for overlay in overlays], overrides, only, without)
    return open_stack(Path(path), options).plan


def run_stack(
    path: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    overlays: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    without: Sequence[str] = (),
) -> int:
    """Check, prepare and run a stack until it ends; return the exit code (see `xrstack up`).

    Parameters are those of `load_stack`.

    Raises:
        StackError: anything is wrong with the file or the options, or a port is taken.
        MissingPrerequisiteError: a program is not installed.
    """
    options = StackOptions(profile, [Path(overlay) for overlay in overlays], overrides, only, without)
    return start(startable_plan(Path(path), options))


def read_stack(path: Path, options: StackOptions) -> LoadedStack:
    """Return a plan with its places, and with the problems that leave a plan to look at.

    Raises:
        StackError: there is no plan to look at.
    """
    try:
        return load(path, options)
    except ConfigError as error:
        raise StackError(error.problems) from None


def open_stack(path: Path, options: StackOptions) -> LoadedStack:
    """Return a plan with its places.

    Raises:
        StackError: as `load_stack`.
    """
    loaded = read_stack(path, options)
    if loaded.problems:
        raise StackError(loaded.problems)
    return loaded


def find_problems(loaded: LoadedStack, *, with_ports: bool) -> Findings:
    """Make all checks that need no start, and return them with what loading found."""
    findings = check_stack(loaded)
    problems = [*loaded.problems, *findings.problems, *(check_ports(loaded) if with_ports else ())]
    return Findings(tuple(without_consequences(problems)), findings.missing)


def require_startable(loaded: LoadedStack) -> None:
    """Make all checks, ports included.

    Raises:
        StackError: a file is missing, a port taken, an order impossible.
        MissingPrerequisiteError: nothing but programs is missing.
    """
    findings = find_problems(loaded, with_ports=True)
    if findings.problems:
        raise StackError([*findings.problems, *findings.missing])
    if findings.missing:
        raise MissingPrerequisiteError(findings.missing)


def remember(loaded: LoadedStack, path: Path, options: StackOptions) -> None:
    """Keep a plan in which no check but that of the ports found anything, for the next start."""
    store(loaded.plan, loaded.surroundings.facts, path, options)
