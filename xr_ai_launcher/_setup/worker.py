"""Takes the steps that have something to do, all at once as far as they allow, in a process that ends with them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from xr_ai_launcher._errors import LauncherError
from xr_ai_launcher._run.errors import SpawnError
from xr_ai_launcher._run.guard import FORWARDED_SIGNALS, end_family
from xr_ai_launcher._run.log_file import LogFile
from xr_ai_launcher._run.loop import Loop, Timer
from xr_ai_launcher._run.relay import Relay
from xr_ai_launcher._run.screen import Screen
from xr_ai_launcher._run.spawn import find_program, spawn
from xr_ai_launcher._run.words import SIGNAL_EXIT_BASE, seconds
from xr_ai_launcher._setup.bench import CommandResult
from xr_ai_launcher._setup.errors import SetupError
from xr_ai_launcher._setup.progress import ProgressView
from xr_ai_launcher._setup.steps import take_step
from xr_ai_launcher._stack.plan import SetupPlan

_LOG_PART_BYTES = 64 << 20
_TAIL_LINES = 15
_TAIL_BYTES = 16 << 10
_STILL_WORKING_INTERVAL_S = 15.0
_EXIT_FAILED = 1


class SetupWorker:
    """One preparation. `run` returns 0 with `exports` filled, 1 with `error`, or 128 + signal."""

    def __init__(
        self,
        steps: Sequence[SetupPlan],
        *,
        environment: Mapping[str, str],
        state: Path,
        progress: ProgressView,
        screen: Screen,
        calm: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """``calm`` makes what commands print fit for a terminal that they share."""
        self.exports: dict[str, str] = {}
        self.error = ""
        self._steps = {step.name: step for step in steps}
        self._environment = dict(environment)
        self._state = state
        self._progress = progress
        self._screen = screen
        self._calm = calm
        self._loop = Loop()
        self._done: set[str] = set()
        self._begun: set[str] = set()
        self._code = 0

    def run(self, lifeline: int) -> int:
        """Take all steps; nothing that they started is left when this returns."""
        self._loop.take_signals(FORWARDED_SIGNALS, lambda signum: self._finish(SIGNAL_EXIT_BASE + signum))
        self._loop.add_reader(lifeline, lambda: self._finish(SIGNAL_EXIT_BASE + signal.SIGKILL))
        self._begin_due()
        self._loop.run()
        end_family()
        self._progress.close()
        return self._code

    def _begin_due(self) -> None:
        if len(self._done) == len(self._steps):
            self._finish(0)
            return
        for name, step in self._steps.items():
            if name not in self._begun and all(need in self._done for need in step.needs if need in self._steps):
                self._begun.add(name)
                self._progress.began(name)
                threading.Thread(target=self._work, args=(step,), name=f"setup-{name}", daemon=True).start()

    def _work(self, step: SetupPlan) -> None:
        """In a thread of the step's own."""
        bench = _StepBench(step.name, self._environment | self.exports, self._state, self._loop, self)
        try:
            path = take_step(step, bench, self._state)
        except (LauncherError, OSError) as error:
            self._loop.post(partial(self._fail, f"setup {step.name}: {error}"))
        except BaseException:
            import traceback

            self._loop.post(partial(self._fail, f"setup {step.name}: a bug of ours\n{traceback.format_exc()}"))
        else:
            self._loop.post(partial(self._succeed, step, path))

    def _succeed(self, step: SetupPlan, path: Path | str | None) -> None:
        if step.export and path is not None:
            self.exports[step.export] = str(path)
        self.say(step.name, f"ready: {path}" if path is not None else "ready")
        self._progress.ended(step.name)
        self._done.add(step.name)
        self._begin_due()

    def _fail(self, message: str) -> None:
        self.error = self.error or message
        self._finish(_EXIT_FAILED)

    def _finish(self, code: int) -> None:
        self._code = self._code or code
        self._loop.stop()

    def say(self, step: str, text: str) -> None:
        """Show one line of a step; safe from any thread."""
        self._progress.say(step, text)

    def update(self, step: str, done: int, total: int | None) -> None:
        """Show how far a download is; safe from any thread."""
        self._progress.update(step, done, total)

    def relay_for(self, step: str) -> Relay:
        """Return a relay of a command's output to the step's log and the screen."""
        folder = self._state / "setup"
        folder.mkdir(parents=True, exist_ok=True)
        log = LogFile(str(folder / f"{step}.log"), limit_bytes=_LOG_PART_BYTES, kept=1)
        return Relay(log, f"{step} │ ".encode(), self._screen, self._calm)


class _StepBench:
    """The workbench of one step (see `Bench`)."""

    def __init__(self, step: str, environment: Mapping[str, str], state: Path, loop: Loop, worker: SetupWorker) -> None:
        self.environment = environment
        self._step = step
        self._loop = loop
        self._worker = worker

    def run(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> CommandResult:
        program = find_program(argv[0], cwd=cwd, search_path=self.environment.get("PATH", os.defpath))
        command = _Command([program or argv[0], *argv[1:]], cwd, {**self.environment, **env})
        command.relay = self._worker.relay_for(self._step)
        log_path = Path(command.relay.log_path)
        begin = log_path.stat().st_size if log_path.exists() else 0
        self._loop.post(partial(command.start, self._loop, partial(self._worker.say, self._step)))
        command.ended.wait()
        if command.refusal:
            raise SetupError(f"`{' '.join(argv)}`: {command.refusal}")
        return CommandResult(command.code, _last_lines(log_path, begin), log_path)

    def say(self, text: str) -> None:
        self._worker.say(self._step, text)

    def progress(self, done: int, total: int | None) -> None:
        self._worker.update(self._step, done, total)


def _last_lines(log_path: Path, begin: int) -> tuple[str, ...]:
    """Return the last lines of a log that one command wrote: those after ``begin``, unless a new file was begun."""
    if not log_path.exists():  # nothing was ever written
        return ()
    with log_path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(begin if begin <= size else 0, size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())[-_TAIL_LINES:]


class _Command:
    """A child of the loop that a step's thread waits for."""

    relay: Relay

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.ended = threading.Event()
        self.code = 0
        self.refusal = ""
        self._argv, self._cwd, self._env = argv, cwd, env
        self._began_s = time.monotonic()
        self._timer: Timer | None = None

    def start(self, loop: Loop, say: Callable[[str], None]) -> None:
        output = self.relay.open_pipe()
        try:
            pid = spawn(self._argv, cwd=self._cwd, env=self._env, output=output)
        except SpawnError as error:
            self.refusal = str(error)
            self.ended.set()
            return
        finally:
            os.close(output)
        loop.add_reader(self.relay.pipe, lambda: self._on_output(loop))
        loop.watch_child(pid, lambda code: self._on_exit(loop, code))
        self._tick(loop, say)

    def _tick(self, loop: Loop, say: Callable[[str], None]) -> None:
        if self._timer is not None:
            say(f"still working, {seconds(time.monotonic() - self._began_s)}")
        self._timer = loop.call_later(_STILL_WORKING_INTERVAL_S, lambda: self._tick(loop, say))

    def _on_output(self, loop: Loop) -> None:
        if not self.relay.pump():
            loop.remove_reader(self.relay.pipe)
            self.relay.close_pipe()

    def _on_exit(self, loop: Loop, code: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.relay.pipe >= 0:
            loop.remove_reader(self.relay.pipe)
            self.relay.close_pipe()
        self.relay.close()
        self.code = code
        self.ended.set()
