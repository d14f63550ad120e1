"""Calling the user's functions so that none of them can hurt the others."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

from xr_ai_agent._loss import LossCounter

T = TypeVar("T")
Callback: TypeAlias = Callable[[T], Awaitable[None] | None]


class CallbackRunner:
    """Runs callbacks: a plain function at once, a coroutine in a task of its own; they begin in the order of calls."""

    def __init__(self, losses: LossCounter) -> None:
        self._losses = losses
        self._tasks: set[asyncio.Task[None]] = set()
        # Tasks that have not begun: until they have, whatever comes later begins after them, in a task too.
        self._pending = 0

    def call(self, callback: Callback[T], message: T, done: Callable[[], None] | None = None) -> None:
        """Run one callback with one message; ``done`` is called when it has finished, however it ended."""
        result: Awaitable[None] | None = None
        if not self._pending:
            try:
                result = callback(message)
            except Exception as error:
                self._report(callback, error)
            if result is None or not inspect.isawaitable(result):
                if done is not None:
                    done()
                return
        self._pending += 1
        self.spawn(self._run(callback, message, result, done))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine of our own beside the callbacks; it ends with `close` at the latest."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()

    async def _run(
        self, callback: Callback[T], message: T, result: Awaitable[None] | None, done: Callable[[], None] | None
    ) -> None:
        self._pending -= 1
        try:
            if result is None:
                result = callback(message)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            self._report(callback, error)
        finally:
            if done is not None:
                done()

    def _report(self, callback: Callable[..., Any], error: Exception) -> None:
        name = getattr(callback, "__qualname__", repr(callback))
        self._losses.count("callback failed", f"{name}: {error!r}", error=error, level=logging.ERROR)


class CallbackList(Generic[T]):
    """The callbacks of one kind of message."""

    def __init__(self, runner: CallbackRunner) -> None:
        self._runner = runner
        self._callbacks: list[Callback[T]] = []

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def add(self, callback: Callback[T]) -> None:
        """Call this one too."""
        self._callbacks.append(callback)

    def fire(self, message: T) -> None:
        """Give every callback the message."""
        call = self._runner.call
        for callback in self._callbacks:
            call(callback, message)

    def fire_holding(self, message: T, acquire: Callable[[], Callable[[], None]]) -> None:
        """As `fire`, holding what ``acquire`` takes until each callback is done."""
        for callback in self._callbacks:
            self._runner.call(callback, message, acquire())
