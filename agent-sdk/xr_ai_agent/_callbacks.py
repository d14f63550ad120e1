"""Calling the user's functions so that none of them can hurt the others."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, TypeAlias, TypeVar

from xr_ai_agent._loss import LossCounter

T = TypeVar("T")
Callback: TypeAlias = Callable[[T], Awaitable[None] | None]


CALLS_MAX: Final = 4096
"""Calls of one coroutine callback that may wait at a time: 40 s of one microphone."""


class Listener(Generic[T]):
    """One callback, and how many of its calls have not ended."""

    __slots__ = ("callback", "calls", "calls_max")

    def __init__(self, callback: Callback[T], calls_max: int | None) -> None:
        self.callback = callback
        self.calls = 0
        self.calls_max = calls_max

    @property
    def name(self) -> str:
        """What a person calls it."""
        return getattr(self.callback, "__qualname__", repr(self.callback))


class CallbackRunner:
    """Runs callbacks: a plain function at once, a coroutine in a task of its own; they begin in the order of calls."""

    def __init__(self, losses: LossCounter) -> None:
        self._losses = losses
        self._tasks: set[asyncio.Task[None]] = set()
        # Tasks that have not begun: until they have, whatever comes later begins after them, in a task too.
        self._pending = 0

    def call(self, listener: Listener[T], message: T, done: Callable[[], None] | None = None) -> None:
        """Run one callback with one message; ``done`` is called when it has finished, however it ended.

        One that has too many calls to finish does not get the message, which is counted.
        """
        if listener.calls_max is not None and listener.calls >= listener.calls_max:
            self._losses.count("callback behind", f"{listener.name} has {listener.calls} messages to finish")
            if done is not None:
                done()
            return
        result: Awaitable[None] | None = None
        if not self._pending:
            try:
                result = listener.callback(message)
            except Exception as error:
                self._report(listener, error)
            if result is None or not inspect.isawaitable(result):
                if done is not None:
                    done()
                return
        self._pending += 1
        listener.calls += 1
        self.spawn(self._run(listener, message, result, done))

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
        self, listener: Listener[T], message: T, result: Awaitable[None] | None, done: Callable[[], None] | None
    ) -> None:
        self._pending -= 1
        try:
            if result is None:
                result = listener.callback(message)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            self._report(listener, error)
        finally:
            listener.calls -= 1
            if done is not None:
                done()

    def _report(self, listener: Listener[T], error: Exception) -> None:
        detail = f"{listener.name}: {error!r}"
        self._losses.count("callback failed", detail, error=error, level=logging.ERROR)


class CallbackList(Generic[T]):
    """The callbacks of one kind of message."""

    def __init__(self, runner: CallbackRunner, calls_max: int | None = CALLS_MAX) -> None:
        """Each callback may have ``calls_max`` unfinished calls (None: any number, where nothing may be dropped)."""
        self._runner = runner
        self._calls_max = calls_max
        self._listeners: list[Listener[T]] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, callback: Callback[T]) -> None:
        """Call this one too."""
        self._listeners.append(Listener(callback, self._calls_max))

    def fire(self, message: T) -> None:
        """Give every callback the message."""
        call = self._runner.call
        for listener in self._listeners:
            call(listener, message)

    def fire_holding(self, message: T, acquire: Callable[[], Callable[[], None]]) -> None:
        """As `fire`, holding what ``acquire`` takes until each callback is done."""
        for listener in self._listeners:
            self._runner.call(listener, message, acquire())
