"""One setup step, from "is there anything to do?" to its result."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from xr_ai_launcher._setup import kind_step, run_step, sources
from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SetupError
from xr_ai_launcher._setup.fingerprint import is_current
from xr_ai_launcher._stack.plan import BinaryStep, KindStep, RunStep, SetupPlan


def current_result(step: SetupPlan, environment: Mapping[str, str], state: Path) -> tuple[bool, Path | str | None]:
    """Return whether the step has nothing to do, and the program or other result it stands for, if any."""
    match step.step:
        case RunStep() as command:
            return is_current(command, state), None
        case BinaryStep() as binary:
            found = sources.find(binary, environment)
            return found is not None, found
        case KindStep() as further:
            return kind_step.look(further, environment)


def take_step(step: SetupPlan, bench: Bench, state: Path) -> Path | str | None:
    """Do what is to be done, while no other launcher does the same, and return what the step stands for, if anything.

    Raises:
        SetupError: it cannot be done here; the message says what to do.
    """
    from filelock import FileLock, Timeout

    _check_requirements(step, bench)
    path = _lock_path(step, state)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        bench.say("another launcher is preparing the same; waiting for it")
        lock.acquire()
    try:
        match step.step:
            case RunStep() as command:
                run_step.take(command, bench, state)
                return None
            case BinaryStep() as binary:
                return sources.obtain(binary, bench)
            case KindStep() as further:
                return kind_step.take(further, bench)
    finally:
        lock.release()


def _check_requirements(step: SetupPlan, bench: Bench) -> None:
    search_path = bench.environment.get("PATH")
    missing = [needed for needed in step.requires if shutil.which(needed.command, path=search_path) is None]
    if missing:
        sentences = [
            f"needs {needed.command}, which is not installed{f': {needed.hint}' if needed.hint else ''}"
            for needed in missing
        ]
        raise SetupError("; ".join(sentences))


def _lock_path(step: SetupPlan, state: Path) -> Path:
    """Two stacks that prepare the same thing share the lock, whatever they call the step."""
    match step.step:
        case RunStep() as command:
            target = "\0".join(map(str, command.creates) if command.creates else (str(command.cwd), *command.argv))
        case BinaryStep() as binary:
            folders = {str(to) for source in binary.sources if (to := getattr(source, "to", None))}
            target = "\0".join(sorted(folders)) or step.name
        case KindStep() as further:
            target = "\0".join(map(str, further.creates)) or f"{further.kind}\0{further.settings}"
    return state / "locks" / f"{hashlib.sha256(target.encode()).hexdigest()[:16]}.lock"
