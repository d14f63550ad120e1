"""A stack inside an asyncio program: started, awaited and stopped from there."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from xr_ai_launcher._child import Notices, up_command
from xr_ai_launcher._errors import StackEndedError
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher._start import startable_plan

__all__ = ("Stack",)

ValueT = TypeVar("ValueT")
Output = int | IO[bytes] | None


class Stack:
    """A stack that runs while the block does::

        async with Stack("stacks/echo.yaml", overrides=["roles.web.ports.http=8123"]) as stack:
            await stack.ready(within_s=30)
            ...                                   # use it
            code = await stack.stop()             # or leave it to the end of the block

    The launcher is a child process, so supervision is that of ``xrstack up``: whatever happens to this program, even
    SIGKILL, the stack ends with it (on Linux). Its words go to ``stdout`` and ``stderr``, by default this program's.

    Entering raises `StackError` or `MissingPrerequisiteError` when the stack cannot be started; parameters are those of
    `run_stack`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        profile: str | None = None,
        overrides: Sequence[str] = (),
        overlays: Sequence[str | Path] = (),
        only: Sequence[str] = (),
        without: Sequence[str] = (),
        stdout: Output = None,
        stderr: Output = None,
    ) -> None:
        self._path = Path(path)
        self._options = StackOptions(profile, [Path(overlay) for overlay in overlays], overrides, only, without)
        self._output = (stdout, stderr)
        self._plan: StackPlan | None = None
        self._notices: Notices | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._is_ready = asyncio.Event()
        self._ended: asyncio.Task[int] | None = None

    @property
    def plan(self) -> StackPlan:
        """What runs: roles with their ports and addresses, the profile and why it was chosen."""
        return _entered(self._plan)

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        return _entered(self._process).pid

    @property
    def exit_code(self) -> int | None:
        """The launcher's exit code (see `xrstack up`), None while it runs."""
        return _entered(self._process).returncode

    async def __aenter__(self) -> Self:
        self._plan = await asyncio.to_thread(startable_plan, self._path, self._options)
        self._notices = Notices()
        stdout, stderr = self._output
        try:
            self._process = await asyncio.create_subprocess_exec(
                *up_command(self._path, self._options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **self._notices.environment()},
            )
        except BaseException:
            self._notices.close()
            raise
        asyncio.get_running_loop().add_reader(self._notices.fileno(), self._on_notice)
        self._ended = asyncio.create_task(self._process.wait())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._send(signal.SIGTERM)  # before anything is awaited: a cancelled task must not leave its stack running
        try:
            await self.wait()
        finally:
            notices = _entered(self._notices)
            asyncio.get_running_loop().remove_reader(notices.fileno())
            notices.close()

    async def ready(self, *, within_s: float | None = None) -> None:
        """Wait until every role is ready. A role's own `ready_timeout` ends the stack, and so this wait.

        Raises:
            StackEndedError: the stack ended instead; ``exit_code`` and the message say how and why.
            TimeoutError: not within ``within_s``; the stack goes on.
        """
        is_ready = asyncio.create_task(self._is_ready.wait())
        try:
            async with asyncio.timeout(within_s):
                await asyncio.wait({is_ready, _entered(self._ended)}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_ready.cancel()
        if not self._is_ready.is_set():
            self._on_notice()  # its last words may have come together with its end
        if self.exit_code is not None:
            raise StackEndedError(_entered(self._plan).name, self.exit_code, _entered(self._notices).reason)

    async def wait(self) -> int:
        """Wait until the stack has ended by itself or was stopped; return the exit code."""
        return await asyncio.shield(_entered(self._ended))

    async def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Stop every role and return the exit code (128 + signal, when nothing else ended the stack before)."""
        self._send(signum)
        return await self.wait()

    def _send(self, signum: signal.Signals) -> None:
        process = _entered(self._process)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signum)

    def _on_notice(self) -> None:
        notices = _entered(self._notices)
        notices.read()
        if notices.is_ready:
            self._is_ready.set()


def _entered(value: ValueT | None) -> ValueT:
    if value is None:
        raise RuntimeError("this stack was not started; use it inside `async with Stack(…) as stack:`")
    return value
