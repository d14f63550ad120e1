"""Takes a ``run`` step: its command, and afterwards the proof that it made what it promised."""

import shlex
from pathlib import Path

from xr_ai_launcher._run.words import exit_words
from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SetupError
from xr_ai_launcher._setup.fingerprint import fingerprint, is_current, record
from xr_ai_launcher._stack.plan import RunStep


def take(step: RunStep, bench: Bench, state: Path) -> None:
    """Run the command unless everything is up to date.

    Raises:
        SetupError: it failed (with its last lines), or did not create what it should.
    """
    if is_current(step, state):
        return
    made_from = fingerprint(step)  # before the command: what changes meanwhile is built the next time
    bench.say(f"running {shlex.join(step.argv)}")
    result = bench.run(step.argv, cwd=step.cwd, env=step.env)
    if result.code != 0:
        lines = "".join(f"\n    {line}" for line in result.tail)
        raise SetupError(
            f"`{shlex.join(step.argv)}` failed: {exit_words(result.code)}{lines}\n  log: {result.log_path}"
        )
    missing = [str(path) for path in step.creates if not path.exists()]
    if missing:
        raise SetupError(f"`{shlex.join(step.argv)}` ended well but did not create {', '.join(missing)}")
    record(step, state, made_from)
